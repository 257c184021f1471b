"""Expected: the items put in, and the errors of the operating system."""

import csv
import dataclasses
import os

import numpy as np
import pytest

from au_jax.errors import UserError
from au_jax.preparation import assemble
from au_jax.preparation.assemble import Item, Survey
from au_jax.preparation.chunks import Faces
from au_jax.raw.row import Reject, Row
from tests.disk import files_up_to
from tests.raw_trees import FACE

SURVEY = Survey((1, 2), 3, "abc")


def row(index):
    return Row(f"F001/T1/{index:04}.jpg", "train", "F001", "T1", index, {1: True})


def faces(problems, jpeg=b"jpeg"):
    return Faces(
        [b"" if problem[0] else jpeg for problem in problems],
        np.stack([FACE] * len(problems)),
        problems,
    )


def rejections(folder):
    with (folder / "rejected.csv").open(newline="", encoding="utf-8") as stream:
        return [tuple(line.values()) for line in csv.DictReader(stream)]


def test_cut_keeps_every_item_in_order():
    items = [Reject(str(i), "no_label") if i % 3 else row(i) for i in range(9000)]
    pieces = list(assemble.cut(items))
    assert [item for some, _ in pieces for item in some] == items
    for some, rows in pieces:
        assert rows == [item for item in some if isinstance(item, Row)]
        assert len(rows) <= assemble.CHUNK_IMAGES
        assert len(some) <= assemble.CHUNK_ITEMS
    rejects = [Reject(str(i), "no_label") for i in range(5000)]
    assert [len(some) for some, _ in assemble.cut(rejects)] == [2048, 2048, 904]


def test_the_fingerprint_changes_with_whatever_the_result_depends_on(tmp_path):
    def fingerprint(item: Item, seed: int = 0, landmarks: str = "dlib68") -> str:
        return assemble.take_survey([item], tmp_path, seed, landmarks).fingerprint

    first = row(1)
    prints = [
        fingerprint(first),
        fingerprint(first, seed=1),
        fingerprint(first, landmarks="au_jax 1"),
        fingerprint(dataclasses.replace(first, aus={1: False})),
        fingerprint(dataclasses.replace(first, split="val")),
        fingerprint(dataclasses.replace(first, intensities={1: 3})),
        fingerprint(Reject(first.path, "no_label")),
    ]
    assert fingerprint(row(1)) == prints[0]
    file = tmp_path / first.file
    file.parent.mkdir(parents=True)
    file.write_bytes(b"a picture")
    assert len({*prints, fingerprint(first)}) == len(prints) + 1


def test_each_rejection_is_listed_under_any_name(tmp_path):
    odd = os.fsdecode(b"F001/\xff.jpg")
    items = [row(1), Reject(odd, "bad_name", 'a "quoted", word'), row(2), row(3)]
    actual = faces([("", ""), ("no_face", "none"), ("", "")])
    report = assemble.write(
        [(items, actual)], tmp_path / "data", "bp4d", SURVEY, "file"
    )
    assert rejections(tmp_path / "data") == [
        (r"F001/\udcff.jpg", "bad_name", 'a "quoted", word'),
        ("F001/T1/0002.jpg", "no_face", "none"),
    ]
    assert report["rejected"] == {"bad_name": 1, "no_face": 1}
    assert (report["read"], report["kept"]) == (4, 2)
    assert assemble.stored_report(tmp_path / "data") == report


def test_a_raw_set_that_changes_during_the_run(tmp_path):
    actual = faces([("", "")] * 2)
    with pytest.raises(UserError, match="had 3 images at first, and 2 when they were"):
        assemble.write(
            [([row(1), row(2)], actual)], tmp_path / "data", "bp4d", SURVEY, "file"
        )
    assert not (tmp_path / "data" / "counts.json").exists()


def test_a_disk_that_fills_up_while_records_are_written(tmp_path):
    """The error comes from inside ArrayRecord."""
    actual = faces([("", "")] * 3, jpeg=bytes(100_000))
    rows: list[Item] = [row(1), row(2), row(3)]
    full = pytest.raises(OSError, match=r"too large.*bp4d-train")
    with files_up_to(50_000), full:
        assemble.write([(rows, actual)], tmp_path / "data", "bp4d", SURVEY, "file")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"fingerprint": "x"}'])
def test_a_folder_of_something_else(tmp_path, text):
    assert assemble.stored_report(tmp_path / "absent") is None
    (tmp_path / "counts.json").write_text(text)
    with pytest.raises(UserError, match="not written by this program"):
        assemble.stored_report(tmp_path)
