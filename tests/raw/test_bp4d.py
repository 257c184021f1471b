"""Expected: the written tree, and the release's documented codes."""

import shutil

import pytest

from au_jax.errors import UserError
from au_jax.raw import bp4d
from au_jax.raw.row import Reject, Row
from tests.raw_trees import write_bp4d, write_picture, write_table
from tests.shared_data import SHARED, needs_shared_data


def read(raw, seed=0):
    items = list(bp4d.read(raw, seed))
    assert items == list(bp4d.read(raw, seed))
    rows = [item for item in items if isinstance(item, Row)]
    rejects = [item for item in items if isinstance(item, Reject)]
    return rows, {(reject.path, reject.reason) for reject in rejects}


def test_a_whole_tree(tmp_path):
    rows, rejects = read(write_bp4d(tmp_path, tasks=("T1", "T2", "T10")))
    assert not rejects
    assert len(rows) == 3 * 3 * 3
    assert rows[0].path == "F001/T1/0007.jpg"
    assert (rows[0].subject, rows[0].task, rows[0].frame) == ("F001", "T1", 7)
    # 3 and 13 are 9 = not coded everywhere, and 2 in frame 7.
    assert rows[0].aus == {1: True, 12: True}
    assert rows[1].aus == {1: False, 2: False, 12: True}
    assert [row.task for row in rows[:9]] == 3 * ["T1"] + 3 * ["T2"] + 3 * ["T10"]
    by_subject = {row.subject: row.split for row in rows}
    assert sorted(by_subject.values()) == ["test", "train", "val"]
    assert all(by_subject[row.subject] == row.split for row in rows)


def test_both_layouts(tmp_path):
    rows, _ = read(write_bp4d(tmp_path / "new"))
    old = write_bp4d(tmp_path / "old")
    for file in (old / "AUCoding" / "AU_OCC").iterdir():
        file.rename(old / "AUCoding" / file.name)
    (old / "AUCoding" / "AU_OCC").rmdir()
    assert read(old)[0] == rows
    (old / "BP4D-training").mkdir()
    for subject in ("F001", "F002", "M001"):
        (old / subject).rename(old / "BP4D-training" / subject)
    moved, rejects = read(old)
    assert not rejects
    assert [row.path for row in moved] == [f"BP4D-training/{row.path}" for row in rows]


@pytest.mark.parametrize("digits", [1, 3, 4, 6])
def test_any_zero_padding(tmp_path, digits):
    raw = write_bp4d(tmp_path, subjects=["F001"], digits=digits)
    (raw / "F001" / "T1" / f"{8:0{digits}}.jpg").unlink()
    rows, rejects = read(raw)
    assert [row.frame for row in rows] == [7, 9]
    assert rejects == {(f"F001/T1/{8:0{digits}}.jpg", "no_image")}


def test_aus_go_by_the_header(tmp_path):
    write_picture(tmp_path / "F001" / "T1" / "3.jpg")
    table = tmp_path / "AUCoding" / "F001_T1.csv"
    write_table(table, [["AU 12", "frame", "AU04", "note"], [1, 3, 0, "x"]])
    table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes())  # as Excel saves it
    rows, rejects = read(tmp_path)
    assert rows[0].aus == {12: True, 4: False}
    assert not rejects


def test_occluded_frames(tmp_path):
    for frame in (3, 4):
        write_picture(tmp_path / "F001" / "T1" / f"{frame}.jpg")
    rows = [[0, 1, 2, "Occlusion"], [3, 1, 0, 1], [4, 1, 0, 0]]
    write_table(tmp_path / "AUCoding" / "F001_T1.csv", rows)
    rows, rejects = read(tmp_path)
    assert [row.frame for row in rows] == [4]
    assert rejects == {("F001/T1/3.jpg", "occluded")}


def test_everything_unusable_is_named(tmp_path):
    raw = write_bp4d(tmp_path, frames=(7, 8, 9, 10, 11))
    folder = raw / "F001" / "T1"
    (folder / "Thumbs.db").write_bytes(b"x")
    (folder / "sub.jpg").mkdir()
    shutil.copy(folder / "0007.jpg", folder / "cover.jpg")
    shutil.copy(folder / "0007.jpg", folder / "00007.jpg")
    shutil.copy(folder / "0007.jpg", folder / "0012.jpg")
    shutil.copy(folder / "0007.jpg", raw / "F001" / "0007.jpg")
    (folder / "0008.jpg").unlink()
    shutil.copytree(folder.parent / "T1", raw / "F002" / "T3")
    coding = raw / "AUCoding" / "AU_OCC"
    (coding / "readme.txt").write_text("labels")
    (coding / "M001_T1.csv").write_text("")
    lines = (coding / "F001_T1.csv").read_text().splitlines()
    lines[3] = lines[3][: len(lines[3]) // 2]  # frame 9
    lines[4] = lines[4].replace(",1,", ",3,", 1)  # frame 10
    lines += [lines[1], "", "x,1", lines[5].replace("11,1", "11,0")]
    (coding / "F001_T1.csv").write_text("\n".join(lines))
    rows, rejects = read(raw)
    assert [row.path for row in rows if row.subject == "F001"] == ["F001/T1/00007.jpg"]
    table = "AUCoding/AU_OCC/F001_T1.csv"
    ours = {(path, why) for path, why in rejects if "F001" in path or "read" in path}
    assert ours == {
        ("F001/T1/Thumbs.db", "not_image"),
        ("F001/T1/sub.jpg", "not_image"),
        ("F001/T1/cover.jpg", "bad_name"),
        ("F001/T1/0007.jpg", "duplicate_image"),
        ("F001/T1/0012.jpg", "no_label"),
        ("F001/0007.jpg", "no_label"),
        ("F001/T1/00008.jpg", "no_image"),
        ("F001/T1/0009.jpg", "bad_label"),
        ("F001/T1/0010.jpg", "bad_label"),
        ("F001/T1/0011.jpg", "bad_label"),
        ("AUCoding/AU_OCC/readme.txt", "bad_label_file"),
        (table, "duplicate_label"),
        (table, "bad_label"),
    }
    assert ("AUCoding/AU_OCC/M001_T1.csv", "bad_label_file") in rejects
    assert ("M001/T1/0007.jpg", "no_label") in rejects
    assert ("F002/T3/0012.jpg", "no_label") in rejects


def test_numbers_as_a_spreadsheet_writes_them(tmp_path):
    raw = write_bp4d(tmp_path)
    rows, _ = read(raw)
    table = raw / "AUCoding" / "AU_OCC" / "F001_T1.csv"
    header, *lines = table.read_text().splitlines()
    lines = [",".join(f"{cell}.0" for cell in line.split(",")) for line in lines]
    table.write_text("\r\n".join([header, *lines]))
    assert read(raw) == (rows, set())


def test_folders_in_small_letters(tmp_path):
    raw = write_bp4d(tmp_path)
    (raw / "F001" / "T1").rename(raw / "F001" / "t1")
    (raw / "F001").rename(raw / "f001")
    rows, rejects = read(raw)
    assert not rejects
    assert (rows[0].path, rows[0].subject) == ("f001/t1/0007.jpg", "F001")


def test_pictures_outside_of_the_tasks_are_named(tmp_path):
    raw = write_bp4d(tmp_path)
    strays = {"loose.jpg", "X9/T1/0007.jpg", "F001/more/0007.jpg", "F001/T1/a/0007.jpg"}
    for stray in strays:
        write_picture(raw / stray)
    rows, rejects = read(raw)
    assert len(rows) == 9
    assert rejects == {(s, "no_label") for s in strays} | {("F001/T1/a", "not_image")}


def test_an_unclosed_quote(tmp_path):
    raw = write_bp4d(tmp_path)
    table = raw / "AUCoding" / "AU_OCC" / "F001_T1.csv"
    table.write_text(table.read_text() + '10,"' + 200_000 * "1\n")
    rows, rejects = read(raw)
    assert len(rows) == 9
    assert rejects == {("F001/T1/0010.jpg", "no_image")}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: shutil.rmtree(raw / "AUCoding"), "no folder .*AUCoding"),
        (lambda raw: shutil.rmtree(raw / "AUCoding" / "AU_OCC"), "no label file like"),
        (lambda raw: shutil.rmtree(raw / "F001"), "no pictures like .*F001/T1"),
    ],
)
def test_missing_parts(tmp_path, change, message):
    raw = write_bp4d(tmp_path, subjects=["F001"])
    change(raw)
    with pytest.raises(UserError, match=message):
        read(raw)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "header row"),
        ("2440,0,0,9\n2441,1,0,9\n", "header row"),
        ("0,a,b\n7,1,0\n", "has no AU"),
        ("0,1,2,1\n7,1,0,1\n", "AU 1 twice"),
    ],
)
def test_label_files_without_a_usable_header(tmp_path, text, message):
    raw = write_bp4d(tmp_path, subjects=["F001"])
    (raw / "AUCoding" / "AU_OCC" / "F001_T1.csv").write_text(text)
    with pytest.raises(UserError, match=f"F001_T1.csv: .*{message}"):
        read(raw)


@needs_shared_data
def test_the_studio_photographs():
    rows, rejects = read(SHARED / "studio")
    assert len(rows) == 72 * 8 * 6 - 1
    assert rejects == {
        ("F011/T2/1009.jpg", "no_image"),
        ("F012/T1/0001.jpg", "no_label"),
    }
    splits = {(row.subject, row.split) for row in rows}
    assert len(splits) == 72
