"""Expected: the written tree, and the release's documented codes."""

import collections
import os
import shutil

import pytest

from au_jax.errors import UserError
from au_jax.raw import emotionet
from au_jax.raw.row import Reject, Row
from au_jax.raw.splits import rank
from tests.raw_trees import emotionet_table, url, write_emotionet, write_picture
from tests.shared_data import SHARED, needs_shared_data


def read(raw, seed=0, **options):
    items = list(emotionet.read(raw, seed, **options))
    assert items == list(emotionet.read(raw, seed, **options))
    rows = [item for item in items if isinstance(item, Row)]
    rejects = [item for item in items if isinstance(item, Reject)]
    return rows, {(reject.path, reject.reason) for reject in rejects}


def of(rows, split):
    return {row.path for row in rows if row.split == split}


def name(number, folder=1):
    return f"N_{folder:010}_{number:05}.jpg"


def path(number, folder=1):
    return f"images/N_{folder:010}/{name(number, folder)}"


def test_a_whole_tree(tmp_path):
    rows, rejects = read(write_emotionet(tmp_path))
    assert not rejects
    assert of(rows, "val") == {path(i) for i in (1, 2, 3, 4)}
    assert of(rows, "test") == {path(i) for i in (5, 6, 7, 8)}
    assert of(rows, "train") == {path(i) for i in (9, 10, 11, 12)}
    first, second, *_ = rows
    assert first.aus == {1: False, 12: True}  # 3 is 999 = not annotated
    assert second.aus == {1: True, 12: True}
    assert (first.subject, first.task, first.frame) == ("", "", 1)
    # The lists hold a detector's codes, not human coders'.
    assert all(row.aus == {} for row in rows if row.split == "train")


def test_one_table_is_halved_by_seed(tmp_path):
    for i in range(1, 22):
        write_picture(tmp_path / "N_0000000001" / name(i), i)
    table = tmp_path / "EmotioNet_FACS_aws_2020_24600.csv"
    emotionet_table(table, {name(i): {1: 1} for i in range(1, 31)})  # 9 dead links
    rows, rejects = read(tmp_path)
    assert collections.Counter(row.split for row in rows) == {"val": 11, "test": 10}
    assert len(rejects) == 9
    assert of(rows, "val") != of(read(tmp_path, seed=1)[0], "val")


def test_the_published_sizes_are_drawn_from_more_labelled_images(tmp_path):
    for i in range(1, 11):
        write_picture(tmp_path / "N_0000000001" / name(i), i)
    table = tmp_path / "EmotioNet_FACS_aws_2020_24600.csv"
    emotionet_table(table, {name(i): {1: i % 2} for i in range(1, 11)})
    items = list(emotionet.read(tmp_path, 0, test_images=3))
    rows = [item for item in items if isinstance(item, Row)]
    assert collections.Counter(row.split for row in rows) == {"val": 3, "test": 3}
    assert [i.reason for i in items if isinstance(i, Reject)] == 4 * ["not_drawn"]
    assert all(row.aus[1] == bool(row.frame % 2) for row in rows)
    order = sorted((path(i)[7:] for i in range(1, 11)), key=lambda p: rank(p, 0))
    assert of(rows, "val") == set(order[:3])
    assert of(rows, "test") == set(order[3:6])


def test_more_images_than_wanted_are_drawn_by_seed(tmp_path):
    raw = write_emotionet(tmp_path, images=20)
    rows, rejects = read(raw, train_images=5)
    assert len(of(rows, "train")) == 5
    assert len(of(rows, "val")) == 20
    drawn = of(rows, "train")
    assert {p for p, why in rejects if why == "not_drawn"} | drawn == {
        path(i) for i in range(41, 61)
    }
    assert drawn != of(read(raw, seed=1, train_images=5)[0], "train")
    assert len(of(read(raw, train_images=20)[0], "train")) == 20


def test_pictures_are_found_by_name_wherever_they_are(tmp_path):
    raw = write_emotionet(tmp_path)
    folder = raw / "images" / "N_0000000001"
    target = raw / "optimization_set" / "deep"
    target.mkdir(parents=True)
    folder.rename(target / folder.name)
    assert of(read(raw)[0], "val") == {
        f"optimization_set/deep/N_0000000001/{name(i)}" for i in (1, 2, 3, 4)
    }
    (target / folder.name).rename(raw / "flat")
    (raw / "flat" / name(1)).rename(raw / "flat" / "n_0000000001_00001.JPEG")
    assert of(read(raw)[0], "val") == {
        "flat/n_0000000001_00001.JPEG",
        *(f"flat/{name(i)}" for i in (2, 3, 4)),
    }


def test_everything_unusable_is_named(tmp_path):
    raw = write_emotionet(tmp_path)
    folder = raw / "images" / "N_0000000001"
    (folder / name(2)).unlink()
    write_picture(folder / name(77))
    write_picture(raw / "images" / "cover.jpg")
    (raw / "licence.pdf").write_bytes(b"x")
    (raw / "EmotioNet_2018.xlsx").write_bytes(b"x")
    (raw / "notes.csv").write_text("a,b\n1,2\n")
    table = raw / "EmotioNet_FACS_val.csv"
    lines = table.read_text().splitlines()
    lines[3] = lines[3].replace("999", "7")
    lines[4] = lines[4][:-2]
    lines += [lines[1], ",,1,1,1"]
    table.write_text("\n".join(lines))
    with (raw / "dataFile_1001.txt").open("a") as stream:
        stream.write(f"\n{url(name(5))}\tx\t1\n{url(name(9))}\n{url(name(99))}\n")
    rows, rejects = read(raw)
    assert of(rows, "val") == {path(1)}
    assert of(rows, "test") == {path(i) for i in (5, 6, 7, 8)}
    assert of(rows, "train") == {path(i) for i in (9, 10, 11, 12)}
    assert rejects == {
        ("EmotioNet_2018.xlsx", "bad_label_file"),
        ("notes.csv", "bad_label_file"),
        ("licence.pdf", "not_image"),
        (f"N_0000000001/{name(2)}", "no_image"),
        (path(3), "bad_label"),
        (path(4), "bad_label"),
        (path(1), "duplicate"),
        ("EmotioNet_FACS_val.csv line 7", "bad_label"),
        (path(5), "duplicate"),
        (path(9), "duplicate"),
        (f"N_0000000001/{name(99)}", "no_image"),
        (path(77), "no_label"),
        ("images/cover.jpg", "no_label"),
    }


def test_names_that_are_not_text(tmp_path):
    raw = write_emotionet(tmp_path)
    odd = os.fsdecode(b"images\xff")
    (raw / "images" / "N_0000000001").rename(raw / "images" / "moved")
    (raw / "images").rename(raw / odd)
    rows, rejects = read(raw)
    assert not rows
    assert len(rejects) == 12
    assert (f"{odd}/moved/{name(1)}", "bad_name") in rejects


def test_lists_alone_or_tables_alone_suffice(tmp_path):
    raw = write_emotionet(tmp_path / "lists")
    for table in raw.glob("*.csv"):
        table.unlink()
    assert {row.split for row in read(raw)[0]} == {"train"}
    raw = write_emotionet(tmp_path / "tables")
    (raw / "dataFile_1001.txt").unlink()
    assert {row.split for row in read(raw)[0]} == {"val", "test"}


def test_a_linked_folder_is_followed_and_a_loop_is_not(tmp_path):
    raw = write_emotionet(tmp_path / "raw")
    (raw / "images").rename(tmp_path / "elsewhere")
    (raw / "images").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "loop").symlink_to(raw)
    rows, rejects = read(raw)
    assert len(rows) == 12
    assert not rejects


def no_lists(raw):
    for file in (*raw.glob("*.csv"), *raw.glob("*.txt")):
        file.unlink()


def no_aus(raw):
    no_lists(raw)
    (raw / "EmotioNet.csv").write_text("URL,URL orig\nhttp://a/b.jpg,x\n")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (no_lists, "no label table .* and no list"),
        (no_aus, "EmotioNet.csv: the header has no AU column"),
        (lambda raw: shutil.rmtree(raw / "images"), "no pictures below"),
        (
            lambda raw: shutil.copy(raw / "EmotioNet_FACS_val.csv", raw / "more.csv"),
            "the split of .*more.csv is unclear",
        ),
    ],
)
def test_wrong_trees(tmp_path, change, message):
    raw = write_emotionet(tmp_path)
    change(raw)
    with pytest.raises(UserError, match=message):
        read(raw)


@needs_shared_data
def test_the_wild_photographs():
    rows, rejects = read(SHARED / "wild")
    counts = collections.Counter(row.split for row in rows)
    assert counts == {"val": 592, "test": 1168, "train": 1191}
    assert not rejects
