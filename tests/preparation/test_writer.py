"""Expected: TFDS reads back what was written."""

import pathlib
import subprocess
import sys

import cv2
import numpy as np

from au_jax.preparation import writer as records
from au_jax.raw.row import Row
from tests.prepared_sets import open_builder, read_examples
from tests.raw_trees import FACE, picture

ROOT = pathlib.Path(__file__).parents[2]
AUS = (1, 2, 12)


def rows():
    return [
        Row("F001/T1/0007.jpg", "train", "F001", "T1", 7, {1: True, 2: False}),
        Row("Ä/00001.jpg", "train", frame=1),
        Row("F002/T1/0008.jpg", "test", "F002", "T1", 8, {12: True}),
    ]


def write(folder):
    folder.mkdir(parents=True)
    rules = {"train": "bp4d-fold1", "test": "bp4d-fold1"}
    writer = records.Writer(folder, "bp4d", AUS, "file", rules, "CC0")
    for i, row in enumerate(rows()):
        jpeg = cv2.imencode(".jpg", picture(i, 200, 200))[1].tobytes()
        writer.add({row.split: [records.example(row, jpeg, FACE + i, AUS)]})
    writer.add({})
    writer.close()


def test_read_back(tmp_path):
    write(tmp_path / "set" / "1.0.0")
    builder = open_builder(tmp_path, "set")
    assert dict(builder.info.metadata) == {
        "landmarks_by": "file",
        "aus": [1, 2, 12],
        "align": {"size": 200, "enlarge": 2.8},
        "dataset": "bp4d",
        "split_rules": {"train": "bp4d-fold1", "test": "bp4d-fold1"},
        "licence": "CC0",
    }
    assert set(builder.info.splits) == {"train", "test"}  # none for val
    first, second = read_examples(tmp_path, "set", "train")
    jpeg = cv2.imencode(".jpg", picture(0, 200, 200))[1]
    rgb = cv2.imdecode(jpeg, cv2.IMREAD_COLOR_RGB)
    np.testing.assert_array_equal(first["image"], rgb)
    np.testing.assert_array_equal(first["landmarks"], FACE)
    assert first["landmarks"].dtype == np.float32
    assert first["aus"].dtype == np.int8
    assert first["aus_known"].dtype == np.bool_
    assert first["aus"].tolist() == [1, 0, 0]
    assert first["aus_known"].tolist() == [True, True, False]
    assert (first["subject"], first["task"], first["frame"]) == (b"F001", b"T1", 7)
    assert second["path"].decode() == "Ä/00001.jpg"
    assert not second["aus_known"].any()
    (third,) = read_examples(tmp_path, "set", "test")
    assert third["aus"].tolist() == [0, 0, 1]


OTHER_PROCESS = """
import pathlib, sys
from tests.preparation.test_writer import write
write(pathlib.Path(sys.argv[1]))
"""


def test_equal_bytes_in_another_process(tmp_path):
    """Protobuf's own order of an example's features differs between processes."""
    write(tmp_path / "a")
    other = [sys.executable, "-c", OTHER_PROCESS, str(tmp_path / "b")]
    subprocess.run(other, cwd=ROOT, check=True)
    for file in sorted((tmp_path / "a").iterdir()):
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


def test_several_files_keep_the_order(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "EXAMPLES_PER_FILE", 1)
    write(tmp_path / "set" / "1.0.0")
    builder = open_builder(tmp_path, "set")
    assert builder.info.splits["train"].num_shards == 2
    examples = read_examples(tmp_path, "set", "train")
    assert [example["frame"] for example in examples] == [7, 1]
