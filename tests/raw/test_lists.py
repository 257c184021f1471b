"""Lists of ADLD and JAA-Net, and RAF-AU. Expected: the written labels."""

import numpy as np
import pytest

from au_jax.errors import UserError
from au_jax.raw import lists, rafau
from au_jax.raw.row import Reject, Row
from tests.raw_trees import FACE, write_picture

PATHS = [f"BP4D/F00{s}/T1/{frame:04d}.jpg" for s in (1, 2, 3) for frame in (5, 6)]


def split_up(items):
    items = list(items)
    rows = {item.path: item for item in items if isinstance(item, Row)}
    return rows, {i.path: i.reason for i in items if isinstance(i, Reject)}


@pytest.fixture
def raw(tmp_path):
    for i, path in enumerate(PATHS):
        write_picture(tmp_path / path, i)
    write(tmp_path, "path", PATHS)
    write(tmp_path, "AUoccur", [f"{i % 2} {i // 2 % 2} 9" for i in range(6)])
    write(tmp_path, "land", [points(i) for i in range(6)])
    return tmp_path


def write(raw, kind, lines):
    (raw / f"BP4D_{kind}.txt").write_text("\n".join(lines) + "\n\n")


def points(i):
    return " ".join(str(v) for v in (FACE + i + 1).ravel())


def test_lines_correspond(raw):
    rows, rejects = split_up(lists.read(raw, 0, (1, 12, 17)))
    assert rejects == {}
    for i, path in enumerate(PATHS):
        row = rows[path]
        assert row.aus == {1: i % 2 == 1, 12: i // 2 % 2 == 1}
        assert (row.subject, row.task) == (path[5:9], "T1")
        actual = np.frombuffer(row.landmarks, np.float32).reshape(49, 2)
        np.testing.assert_allclose(actual, FACE + i, atol=1e-4)  # counted from 1


def test_the_folder_named_like_the_set_is_optional(raw):
    (raw / "BP4D" / "F001").rename(raw / "F001")
    rows, _ = split_up(lists.read(raw, 0, (1, 12, 17)))
    assert rows["F001/T1/0005.jpg"].aus == {1: False, 12: False}


def test_blank_lines_shift_nothing(raw):
    write(raw, "land", [points(0), "", *(points(i) for i in range(2, 6))])
    write(raw, "AUoccur", ["0 0 0", "0 0 0", "0 0 0", "", "1 1 1", "1 1 1"])
    rows, rejects = split_up(lists.read(raw, 0, (1, 12, 17)))
    assert rejects == {PATHS[1]: "bad_landmarks", PATHS[3]: "bad_label"}
    assert rows[PATHS[2]].aus == {1: False, 12: False, 17: False}
    assert rows[PATHS[4]].aus == {1: True, 12: True, 17: True}


@pytest.mark.parametrize("kind", ["AUoccur", "land"])
def test_lists_of_different_lengths(raw, kind):
    file = raw / f"BP4D_{kind}.txt"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[1:]))
    with pytest.raises(UserError, match=r"has 5 lines, BP4D_path.txt has 6"):
        list(lists.read(raw, 0, (1, 12, 17)))


@pytest.mark.parametrize("aus", [(), (1, 12)])
def test_columns_must_be_named(raw, aus):
    with pytest.raises(UserError, match="has 3 columns; name their AUs"):
        list(lists.read(raw, 0, aus))


def test_the_case_of_names_does_not_matter(raw):
    usual = split_up(lists.read(raw, 0, (1, 12, 17)))
    for kind, other in (("AUoccur", "AUOccur"), ("land", "LAND"), ("path", "Path")):
        (raw / f"BP4D_{kind}.txt").rename(raw / f"bp4d_{other}.txt")
    assert split_up(lists.read(raw, 0, (1, 12, 17))) == usual


def test_named_aus_need_labels(raw):
    (raw / "BP4D_AUoccur.txt").rename(raw / "BP4D_AU_occur.txt")
    with pytest.raises(UserError, match=r"there is none like .*/BP4D_AUoccur.txt;"):
        list(lists.read(raw, 0, (1, 12, 17)))
    rows, _ = split_up(lists.read(raw, 0))
    assert len(rows) == 6


def test_all_lists_have_landmarks_or_none(raw):
    (raw / "more_path.txt").write_text("BP4D/F009/T1/0001.jpg\n")
    with pytest.raises(UserError, match=r"/more_path.txt has no landmarks \(more_land"):
        list(lists.read(raw, 0, (1, 12, 17)))
    (raw / "BP4D_land.txt").unlink()
    rows, _ = split_up(lists.read(raw, 0, (1, 12, 17)))
    assert not any(row.landmarks for row in rows.values())


def test_paths_that_leave_the_folder(raw):
    write(raw, "path", ["../F001/T1/0005.jpg", "/etc/passwd", *PATHS[2:]])
    rows, rejects = split_up(lists.read(raw, 0, (1, 12, 17)))
    assert set(rejects.values()) == {"bad_label"}
    assert len(rejects) == 2
    assert len(rows) == 4


def test_raf_au(tmp_path):
    for name in ("0001_aligned.jpg", "0002_aligned.jpg", "0003_aligned.jpg", "7.jpg"):
        write_picture(tmp_path / "aligned" / name)
    (tmp_path / "RAFAU_label.txt").write_text(
        "0001.jpg 1+4+L12\r\n0002.jpg null\n0003.jpg happy\n0004.jpg 2\n"
        "0001.jpg 1+4+R12\n"
    )
    rows, rejects = split_up(rafau.read(tmp_path, 0))
    assert {path: row.aus for path, row in rows.items()} == {
        "aligned/0001_aligned.jpg": {1: True, 2: False, 4: True, 12: True},
        "aligned/0002_aligned.jpg": {1: False, 2: False, 4: False, 12: False},
    }
    assert rejects == {
        "aligned/0003_aligned.jpg": "bad_label",
        "0004.jpg": "no_image",
        "0001.jpg": "duplicate_label",
        "aligned/7.jpg": "no_label",
    }
