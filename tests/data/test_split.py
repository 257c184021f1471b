"""Splits of prepared sets: what is read, and what the errors say."""

import json
import os
import pickle
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from au_jax.data import reader
from au_jax.data.reader import forget_open_files
from au_jax.data.split import Records, labels, open_split
from au_jax.errors import UserError
from au_jax.preparation.checks.dataset import open_prepared
from tests.mistakes import attempt
from tests.prepared_sets import read_examples
from tests.synthetic import write_prepared

AUS = (1, 2, 4, 6, 12, 17)
KEYS = ("splits", "shardLengths", "name", "aus", "align", "type", "featuresDict")


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("prepared"))
    write_prepared(folder, "lab", {"train": 6, "val": 10}, AUS, unknown=0.3)
    return folder


def test_reads_what_tfds_reads(data_dir: str):
    split = open_split(data_dir, "lab", "train", AUS)
    rows = read_examples(data_dir, "lab", "train")
    assert len(split) == len(rows) == 6
    for i, row in enumerate(rows):
        face = split[i]
        np.testing.assert_array_equal(face["image"], row["image"])
        np.testing.assert_array_equal(face["landmarks"], row["landmarks"])
        np.testing.assert_array_equal(face["aus"], row["aus"])
        np.testing.assert_array_equal(face["aus_known"], row["aus_known"])
        assert face["path"] == split.path(i) == row["path"].decode()
        assert face["subject"] == row["subject"].decode()


def test_labels_are_selected_by_au_number(data_dir: str):
    split = open_split(data_dir, "lab", "train", (12, 5, 1))
    assert split.coded_aus == AUS
    for i, row in enumerate(read_examples(data_dir, "lab", "train")):
        known = [row["aus_known"][4], False, row["aus_known"][0]]
        aus = [row["aus"][4], 0, row["aus"][0]]
        np.testing.assert_array_equal(split[i]["aus_known"], known)
        np.testing.assert_array_equal(split[i]["aus"], np.multiply(aus, known))


def test_labels_of_a_whole_split(data_dir: str):
    split = open_split(data_dir, "lab", "val", (17, 9, 2))
    aus, known = labels(split)
    assert aus.dtype == np.float32
    np.testing.assert_array_equal(aus, [face["aus"] for face in split])
    np.testing.assert_array_equal(known, [face["aus_known"] for face in split])
    assert 0 < known[:, 0].sum() < 10
    assert not known[:, 1].any()


def test_a_person_is_a_subject_or_without_one_a_path(data_dir: str, monkeypatch):
    split = open_split(data_dir, "lab", "train", AUS)
    read, subjects = Records.read, (b"F001", b"F001", b"M001", b"", b"")
    monkeypatch.setattr(
        Records, "read", lambda self, i: read(self, i) | {"subject": subjects[i]}
    )
    one, same, other, path, other_path = (split[i]["person"] for i in range(5))
    assert one == same
    assert len({int(p) for p in (one, other, path, other_path)}) == 4


def test_part_of_a_split(data_dir: str):
    whole = open_split(data_dir, "lab", "val", AUS)
    part = open_split(data_dir, "lab", "val[:80%]", AUS)
    assert [part.path(i) for i in range(8)] == [whole.path(i) for i in range(8)]
    assert len(part) == 8


def test_several_sets_follow_one_another(data_dir: str, tmp_path):
    shutil.copytree(f"{data_dir}/lab", tmp_path / "lab")
    write_prepared(str(tmp_path), "street", {"train": 4, "val": 3}, (9, 12))
    both = open_split(tmp_path, "lab+street", "train", (12, 9, 1))
    alone = [open_split(tmp_path, s, "train", (12, 9, 1)) for s in ("lab", "street")]
    faces = [face for split in alone for face in split]
    assert len(both) == len(faces) == 10
    for i, face in enumerate(faces):
        assert both.path(i) == face["path"]
        assert both.record(i)["subject"].decode() == face["subject"]
        for key in ("image", "landmarks", "aus", "aus_known"):
            np.testing.assert_array_equal(both[i][key], face[key])
    # Both sets name their people alike, but these are different people.
    lab, street = (
        {face["subject"]: int(face["person"]) for face in part}
        for part in ([both[i] for i in range(6)], [both[i] for i in range(6, 10)])
    )
    assert lab.keys() & street.keys()
    assert not set(lab.values()) & set(street.values())
    with pytest.raises(IndexError):
        both[10]
    assert [str(split) for split in both.each()] == [str(split) for split in alone]
    for i, found in enumerate(labels(both)):
        of_each = [labels(split)[i] for split in alone]
        np.testing.assert_array_equal(found, np.concatenate(of_each))
    # Where a set does not code an AU, it is unknown.
    assert not labels(both)[1][6:, 2].any()
    assert both.coded_aus == (1, 2, 4, 6, 9, 12, 17)
    assert str(both) == f"split 'train' of {tmp_path}/lab/1.0.0 and {tmp_path}/" + (
        "street/1.0.0"
    )


def test_each_of_several_sets_needs_the_split(data_dir: str, tmp_path):
    shutil.copytree(f"{data_dir}/lab", tmp_path / "lab")
    write_prepared(str(tmp_path), "street", {"train": 4}, (9, 12))
    with pytest.raises(UserError, match=r"street.* has no split 'val'"):
        open_split(tmp_path, "lab+street", "val", AUS)
    there = "no data set 'nowhere' in .*, which has lab, street; make it with"
    with pytest.raises(UserError, match=there):
        open_split(tmp_path, "lab+nowhere", "train", AUS)
    for name in ("lab+lab", "lab++street", "lab+", ""):
        with pytest.raises(UserError, match=r"write \+ between different data sets"):
            open_split(tmp_path, name, "train", AUS)


def test_survives_pickling(data_dir: str):
    split = open_split(data_dir, "lab", "train", AUS)
    copy = pickle.loads(pickle.dumps(split))
    np.testing.assert_array_equal(copy[2]["image"], split[2]["image"])


def test_takes_the_newest_version(data_dir: str, tmp_path):
    for version in ("1.9.0", "1.10.0"):
        shutil.copytree(f"{data_dir}/lab/1.0.0", tmp_path / "lab" / version)
    (tmp_path / "lab" / "incomplete.ABC_2.0.0").mkdir()
    split = open_split(tmp_path, "lab", "train", AUS)
    assert split.parts[0].directory == tmp_path / "lab/1.10.0"


@pytest.mark.parametrize("copy", ["1.0.0.bak", "1.0.0_old", "01.0.0", "2.0.0-mine"])
def test_a_copy_beside_a_version_is_no_version(data_dir: str, tmp_path, copy: str):
    for version in ("1.0.0", copy):
        shutil.copytree(f"{data_dir}/lab/1.0.0", tmp_path / "lab" / version)
    split = open_split(tmp_path, "lab", "train", AUS)
    assert split.parts[0].directory == tmp_path / "lab/1.0.0"


@pytest.mark.parametrize(
    ("name", "dataset"), [("bp4d", "bp4d"), ("lab", "folder --name=lab")]
)
def test_absent_data_set_names_the_command(tmp_path, name, dataset):
    with pytest.raises(UserError) as error:
        open_split(tmp_path, name, "train", AUS)
    assert f"no data set {name!r} in {tmp_path}" in str(error.value)
    assert f"prepare --dataset={dataset} --raw=DIR --data" in str(error.value)


@pytest.mark.parametrize("split", ["tset", "val[:x%]", "val[20:30]"])
def test_absent_split_names_the_others(data_dir: str, split: str):
    with pytest.raises(
        UserError, match=r"has no split .* it has: train \(6\), val \(10\)"
    ):
        open_split(data_dir, "lab", split, AUS)


@pytest.mark.parametrize("split", ["val[:1%]", "val[5:2]", "val[90%:50%]"])
def test_empty_split(data_dir: str, split: str):
    with pytest.raises(UserError) as error:
        open_split(data_dir, "lab", split, AUS)
    assert f"split {split!r} is empty; it has: train (6), val (10)" in str(error.value)


def test_another_kind_of_data_set(data_dir: str, tmp_path):
    shutil.copytree(f"{data_dir}/lab", tmp_path / "lab")
    (tmp_path / "lab/1.0.0/metadata.json").unlink()
    with pytest.raises(UserError, match=r"not a data set of au_jax\.prepare"):
        open_split(tmp_path, "lab", "train", AUS)


def test_damaged_record_is_named(data_dir: str, tmp_path):
    shutil.copytree(f"{data_dir}/lab", tmp_path / "lab")
    (file,) = (tmp_path / "lab/1.0.0").glob("lab-train.array_record-*")
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(64)
    file.write_bytes(content)
    split = open_split(tmp_path, "lab", "train", AUS)
    with pytest.raises(UserError, match=r"record \d of split 'train' .* is damaged"):
        labels(split)
    with pytest.raises(UserError, match=r"record \d of split 'train' .* is damaged"):
        list(iter(split))


def test_data_set_that_vanished_is_named(data_dir: str, tmp_path):
    shutil.copytree(f"{data_dir}/lab", tmp_path / "lab")
    split = open_split(tmp_path, "lab", "train", AUS)
    shutil.rmtree(tmp_path / "lab")
    with pytest.raises(
        UserError, match=r"lab/1\.0\.0 does not exist any more; restore it"
    ):
        split[0]


@pytest.mark.parametrize("encoded", [b"", b"no picture"])
def test_a_picture_that_cannot_be_decoded(data_dir: str, encoded: bytes, monkeypatch):
    split = open_split(data_dir, "lab", "train", AUS)
    path = split.path(1)
    parse = reader.parse
    monkeypatch.setattr(
        "au_jax.data.split.parse", lambda raw: parse(raw) | {"image": encoded}
    )
    with pytest.raises(
        UserError, match=rf"record 1 .* damaged .no picture, from {path}"
    ):
        split[1]


def test_no_class_of_a_foreign_folder_is_imported(tmp_path, monkeypatch):
    """TFDS would import it: the folder of the data is importable here."""
    write_prepared(tmp_path, "bp4d")
    folder = tmp_path / "bp4d" / "1.0.0"
    evil = tmp_path / "evil_features.py"
    evil.write_text(f"open({str(tmp_path / 'executed')!r}, 'w')\nclass Tensor: pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    features = folder / "features.json"
    ours = "tensorflow_datasets.core.features.tensor_feature.Tensor"
    assert ours in features.read_text()
    features.write_text(features.read_text().replace(ours, "evil_features.Tensor"))
    forget_open_files()
    with pytest.raises(UserError, match=r"names the class 'evil_features\.Tensor'"):
        open_split(tmp_path, "bp4d", "train", (1, 2))
    with pytest.raises(UserError, match=r"names the class 'evil_features\.Tensor'"):
        open_prepared(folder)
    assert not (tmp_path / "executed").exists()


DESCRIPTIONS = ("dataset_info.json", "features.json", "metadata.json")


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(DESCRIPTIONS),
    content=st.binary(max_size=100)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda x: st.lists(x) | st.dictionaries(st.sampled_from(KEYS), x),
        max_leaves=6,
    ).map(lambda value: json.dumps(value).encode()),
)
def test_any_description_is_read_or_one_line(data_dir, tmp_path_factory, name, content):
    folder = tmp_path_factory.mktemp("damaged")
    shutil.copytree(f"{data_dir}/lab", folder / "lab")
    (folder / "lab/1.0.0" / name).write_bytes(content)
    reader.forget_open_files()
    split, message = attempt(open_split, folder, "lab", "train", AUS)
    assert message or len(split) == 6


@pytest.mark.timeout(60)
def test_more_examples_than_the_files_can_hold_are_one_line(data_dir, tmp_path):
    shutil.copytree(f"{data_dir}/lab", tmp_path / "lab")
    file = tmp_path / "lab/1.0.0/dataset_info.json"
    info = json.loads(file.read_text())
    for split in info["splits"]:
        split["shardLengths"] = ["1000000000000"]
    file.write_text(json.dumps(info))
    with pytest.raises(UserError, match=r"1000000000000 examples in .* bytes"):
        open_split(tmp_path, "lab", "train", AUS)


def test_another_alignment_is_refused(data_dir, tmp_path):
    shutil.copytree(f"{data_dir}/lab", tmp_path / "lab")
    file = tmp_path / "lab/1.0.0/metadata.json"
    metadata = json.loads(file.read_text())
    metadata["align"]["enlarge"] = 2.0
    file.write_text(json.dumps(metadata))
    with pytest.raises(UserError, match=r"aligned with .*'enlarge': 2"):
        open_split(tmp_path, "lab", "train", AUS)


def test_records_of_another_major_version_are_refused(data_dir, tmp_path):
    for version in ("1.0.0", "2.0.0"):
        shutil.copytree(f"{data_dir}/lab/1.0.0", tmp_path / "lab" / version)
    with pytest.raises(UserError, match=r"records of version 2\.0\.0"):
        open_split(tmp_path, "lab", "train", AUS)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("pattern", [*DESCRIPTIONS, "*train*"])
def test_a_pipe_in_place_of_any_file_is_one_line(data_dir, tmp_path, pattern):
    shutil.copytree(f"{data_dir}/lab", tmp_path / "lab")
    (file,) = (tmp_path / "lab/1.0.0").glob(pattern)
    file.unlink()
    os.mkfifo(file)
    _, message = attempt(open_split, tmp_path, "lab", "train", AUS)
    assert "not a regular file" in message or "6 examples in 0 bytes" in message
