"""Expected: the labels that each test writes into its tree."""

import csv
import dataclasses
import json
import re

import numpy as np
import pytest

from au_jax.data.reader import INTENSITIES
from au_jax.data.split import open_split
from au_jax.errors import UserError
from au_jax.evaluation import intensity
from au_jax.preparation import run
from au_jax.preparation.assemble import take_survey
from au_jax.preparation.run import PrepareOptions
from au_jax.raw import subject_file
from au_jax.raw.row import Reject, Row
from tests import raw_trees
from tests.preparation import painted_trees
from tests.prepared_sets import open_builder, read_examples
from tests.raw_trees import make_finder, write_bp4d, write_emotionet, write_picture


def prepare(raw, out, dataset="bp4d", workers=1, seed=0, finder=make_finder, **more):
    options = PrepareOptions(dataset, raw, out, workers=workers, seed=seed, **more)
    return run.prepare(options, finder)


def rejected(out, dataset="bp4d"):
    with (out / dataset / "1.0.0" / "rejected.csv").open(newline="") as stream:
        return {row["path"]: row["reason"] for row in csv.DictReader(stream)}


def counts(out, dataset="bp4d"):
    return json.loads((out / dataset / "1.0.0" / "counts.json").read_text())


def files(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture
def raw(tmp_path):
    return write_bp4d(tmp_path / "raw", tasks=("T1", "T2"), frames=range(40))


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def test_a_set_may_have_another_name(raw, out):
    prepare(raw, out)
    run.prepare(PrepareOptions("bp4d", raw, out, name="morning"), make_finder)
    renamed, usual = (
        [split.record(i) for i in range(len(split))]
        for split in (open_split(out, s, "train", (1, 12)) for s in ("morning", "bp4d"))
    )
    assert len(renamed) == len(usual) > 0
    for ours, theirs in zip(renamed, usual, strict=True):
        assert ours["path"] == theirs["path"]
        np.testing.assert_array_equal(ours["aus"], theirs["aus"])


def test_a_licensed_set_by_another_name_shows_no_face(raw, out, capsys):
    run.prepare(PrepareOptions("bp4d", raw, out, name="mine"), make_finder)
    printed, errors = capsys.readouterr()
    assert "(faces: none)" in printed
    assert "split: drawn by subject, seed 0\n" in printed
    assert errors.startswith("warning: the split is not ADLD's")
    (part,) = open_split(out, "mine", "train", (1, 12)).parts
    assert (part.dataset, part.split_rule) == ("bp4d", "drawn by subject, seed 0")
    page = (out / "mine" / "1.0.0" / "report.html").read_text()
    assert "Raw set: bp4d." in page
    assert "Split: drawn by subject, seed 0." in page
    assert "3 of BP4D&#x27;s 41 subjects are here" in page


def test_a_finished_set_of_an_older_version_learns_what_was_read(raw, out, capsys):
    options = PrepareOptions("bp4d", raw, out, name="mine", split="bp4d-adld")
    run.prepare(options, make_finder)
    file = out / "mine" / "1.0.0" / "metadata.json"
    complete = json.loads(file.read_bytes())
    stored = dict(complete)
    assert set(stored.pop("split_rules").values()) == {"bp4d-adld"}
    assert stored.pop("dataset") == "bp4d"
    file.write_text(json.dumps(stored))
    capsys.readouterr()
    run.prepare(options, make_finder)
    printed, errors = capsys.readouterr()
    assert "up to date" in printed
    assert "split: bp4d-adld\n" in printed
    assert not errors
    assert json.loads(file.read_bytes()) == complete


def test_a_licence_that_is_stated_counts_and_may_be_stated_later(raw, out, capsys):
    options = PrepareOptions("bp4d", raw, out, name="mine")
    run.prepare(options, make_finder)
    assert "(faces: none)" in capsys.readouterr().out
    run.prepare(dataclasses.replace(options, licence="CC BY 4.0"), make_finder)
    printed, errors = capsys.readouterr()
    assert "its licence: CC BY 4.0\n" in printed
    assert "(faces: show)" in printed
    assert "41 subjects" not in printed + errors
    run.prepare(options, make_finder)  # says nothing of it, so it stays
    assert "(faces: show)" in capsys.readouterr().out
    folder = out / "mine" / "1.0.0"
    assert "Licence: CC BY 4.0." in (folder / "report.html").read_text()
    data = open_split(out, "mine", "train", (1, 12))
    assert data.parts[0].licence == "CC BY 4.0"
    assert not data.licensed
    run.prepare(dataclasses.replace(options, licence=""), make_finder)
    printed = capsys.readouterr().out
    assert "its licence: that of the raw set\n" in printed
    assert "(faces: none)" in printed
    for text in ("a\nb", " "):
        wrong = dataclasses.replace(options, licence=text)
        with pytest.raises(UserError, match="--licence: give one line"):
            run.prepare(wrong, make_finder)


def test_a_licence_that_was_stated_for_other_files_is_not_kept(raw, out, capsys):
    options = PrepareOptions("bp4d", raw, out, licence="CC BY 4.0, by us")
    run.prepare(options, make_finder)
    printed, errors = capsys.readouterr()
    assert "(faces: show)" in printed
    assert "licence" not in errors
    run.prepare(dataclasses.replace(options, licence=None, seed=1), make_finder)
    printed, errors = capsys.readouterr()
    assert "(faces: none)" in printed
    assert "the licence stated for those is not kept" in errors
    assert "--licence='CC BY 4.0, by us'" in errors


@pytest.mark.parametrize(("stated", "origin"), [(True, "file"), (False, "au_jax")])
def test_landmarks_that_lists_state_are_said_to_be_known(tmp_path, out, stated, origin):
    raw = raw_trees.write_lists(tmp_path / "raw")
    points = " ".join(str(v) for v in (raw_trees.FACE / 4 + 1).ravel())
    if stated:
        (raw / "BP4D_land.txt").write_text(f"{points}\n" * 4)
    prepare(raw, out, "lists", reader={"aus": (1, 12)})
    file = out / "lists" / "1.0.0" / "metadata.json"
    complete = json.loads(file.read_bytes())
    assert complete["landmarks_by"] == origin
    file.write_text(json.dumps(complete | {"landmarks_by": "au_jax"}))  # as it was
    prepare(raw, out, "lists", reader={"aus": (1, 12)})
    assert json.loads(file.read_bytes()) == complete


BY_SUBJECT = "drawn by subject, seed 0"


def as_halved(raw):
    """Take the split out of the names of EmotioNet's tables."""
    write_emotionet(raw)
    for table in raw.glob("*.csv"):
        table.rename(raw / f"{table.stem}s.csv")
    return raw


@pytest.mark.parametrize(
    ("dataset", "write", "test", "train"),
    [
        ("disfa", raw_trees.write_disfa, BY_SUBJECT, BY_SUBJECT),
        (
            "emotionet",
            write_emotionet,
            "stated by the tables",
            "drawn by picture, seed 0",
        ),
        (
            "emotionet",
            as_halved,
            "labelled pictures halved, seed 0",
            "drawn by picture, seed 0",
        ),
        ("folder", raw_trees.write_folder, None, "drawn by file, seed 0"),
        ("rafau", raw_trees.write_rafau, None, "drawn by picture, seed 0"),
        ("lists", raw_trees.write_lists, None, "all in train, too few subjects"),
    ],
)
def test_every_reader_says_who_chose_the_splits(tmp_path, dataset, write, test, train):
    more = {"aus": (1, 12)} if dataset == "lists" else {}
    options = PrepareOptions(
        dataset, write(tmp_path / "raw"), tmp_path / "out", reader=more
    )
    items = list(run.make_reader(options)(lambda: None))
    rules = take_survey(items, options.raw, 0).split_rules
    assert rules["train"] == train
    assert rules.get("test") == test


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a+b", "give a name of a-z, 0-9 and _ that begins with a letter"),
        ("../raw", "give a name of a-z"),
        ("", "give a name of a-z"),
        ("disfa", "is the name of another set; choose a new one"),
        ("faces_lab", "is the name of another set"),
    ],
)
def test_a_name_that_cannot_be(raw, out, name, message):
    with pytest.raises(UserError, match=f"--name={re.escape(name)}.* {message}"):
        run.prepare(PrepareOptions("bp4d", raw, out, name=name), make_finder)
    assert not out.exists()


def test_disfa_keeps_how_strong_aus_are(tmp_path, out):
    codes = ((1, 0, 1), (0, 9, 1), (1, 1, 0))
    painted_trees.as_disfa(
        tmp_path / "raw", [painted_trees.Face(code, "") for code in codes], (0, 1, 2)
    )
    prepare(tmp_path / "raw", out, "disfa")
    with (out / "disfa" / "1.0.0" / "intensities.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    strength = {0: "1", 1: "3", 9: ""}  # as the tree states them
    assert len(rows) >= len(codes)
    for row, code in zip(rows, codes, strict=False):
        for au, c in zip(painted_trees.AUS, code, strict=True):
            assert row[f"AU{au:02d}"] == strength[c]
    (split,) = open_builder(out, "disfa").info.splits
    data = open_split(out, "disfa", split, painted_trees.AUS)
    known = intensity.read_table(data.parts[0].directory / INTENSITIES, data)
    for i, row in enumerate(known[: len(codes)]):
        wanted = [float(strength[c] or "nan") for c in codes[i]]
        np.testing.assert_array_equal(row, wanted)


def test_bp4d_keeps_how_strong_aus_are(raw, out):
    table = raw / "AUCoding" / "AU_INT" / "AU12" / "F001_T1_AU12.csv"
    table.parent.mkdir(parents=True)
    table.write_text("7,3\n8,9\n9,0\n")
    prepare(raw, out)
    with (out / "bp4d" / "1.0.0" / "intensities.csv").open(newline="") as stream:
        found = {row["path"]: row for row in csv.DictReader(stream)}
    assert {path: row["AU12"] for path, row in found.items() if row["AU12"]} == {
        "F001/T1/0007.jpg": "3",
        "F001/T1/0009.jpg": "0",
    }
    assert not any(row["AU01"] for row in found.values())


def test_sets_without_intensities_have_no_table(raw, out):
    prepare(raw, out)
    assert not (out / "bp4d" / "1.0.0" / "intensities.csv").exists()


def test_bp4d(raw, out, capsys):
    folder = raw / "F001" / "T1"
    (folder / "0003.jpg").write_bytes((folder / "0003.jpg").read_bytes()[:300])
    (folder / "0004.jpg").write_bytes(b"")
    (folder / "0005.jpg").unlink()
    write_picture(folder / "0041.jpg")
    prepare(raw, out)
    assert rejected(out) == {
        "F001/T1/0003.jpg": "truncated",
        "F001/T1/0004.jpg": "empty",
        "F001/T1/0005.jpg": "no_image",
        "F001/T1/0041.jpg": "no_label",
    }
    report = counts(out)
    assert (report["read"], report["kept"]) == (241, 237)
    assert report["rejected"] == {
        "empty": 1, "no_image": 1, "no_label": 1, "truncated": 1
    }  # fmt: skip
    stored = {
        split: read_examples(out, "bp4d", split) for split in ("train", "val", "test")
    }
    assert sum(map(len, stored.values())) == 237
    subjects = {name: {one["subject"] for one in some} for name, some in stored.items()}
    assert len(set.union(*subjects.values())) == 3
    assert all(len(some) == 1 for some in subjects.values())
    for name, split in report["splits"].items():
        known = np.sum([one["aus_known"] for one in stored[name]], axis=0)
        active = np.sum([one["aus"] for one in stored[name]], axis=0)
        for i, au in enumerate((1, 2, 12)):
            assert split["aus"][str(au)] == {"known": known[i], "active": active[i]}
    assert "read 241, kept 237, rejected 4" in capsys.readouterr().out
    assert [file.name for file in (out / "bp4d").iterdir()] == ["1.0.0"]


def test_emotionet(tmp_path, out):
    raw = write_emotionet(tmp_path / "raw")
    (raw / "images" / "N_0000000001" / "N_0000000001_00010.jpg").unlink()
    prepare(raw, out, "emotionet")
    builder = open_builder(out, "emotionet")
    assert builder.info.metadata["aus"] == [1, 12]
    assert {k: s.num_examples for k, s in builder.info.splits.items()} == {
        "val": 4, "test": 4, "train": 3
    }  # fmt: skip
    assert rejected(out, "emotionet") == {
        "N_0000000001/N_0000000001_00010.jpg": "no_image"
    }


def test_emotionet_with_known_subjects(tmp_path, out, capsys):
    """The check then finds who is in two splits."""
    raw = write_emotionet(tmp_path / "raw")
    paths = [str(p.relative_to(raw)) for p in sorted(raw.rglob("*.jpg"))]
    table = tmp_path / "subjects.csv"
    lines = [f"{path},p{number // 3}" for number, path in enumerate(paths[:9])]
    table.write_text("\n".join(["path,subject", *lines]))
    prepare(raw, out, "emotionet", subjects=subject_file.read(table))
    found = {
        example["path"].decode(): example["subject"].decode()
        for split in ("train", "val", "test")
        for example in read_examples(out, "emotionet", split)
    }
    expected = dict(line.split(",") for line in lines)
    assert found == {path: expected.get(path, "") for path in paths}
    assert "subjects are in more than one split" in capsys.readouterr().out


def test_only_unlabelled_pictures(tmp_path, out):
    raw = write_emotionet(tmp_path / "raw")
    for table in raw.glob("*.csv"):
        table.unlink()
    prepare(raw, out, "emotionet")
    assert read_examples(out, "emotionet", "train")[0]["aus"].shape == (0,)


def test_the_number_of_processes_does_not_matter(raw, out, tmp_path):
    prepare(raw, out, workers=1)
    prepare(raw, tmp_path / "two", workers=2)
    assert files(out / "bp4d" / "1.0.0") == files(tmp_path / "two" / "bp4d" / "1.0.0")


def test_no_usable_picture(raw, out):
    with pytest.raises(UserError, match=r"none of the 240 .*0000.jpg: no_face"):
        prepare(raw, out, finder=lambda: lambda image: None)
    assert not (out / "bp4d" / "1.0.0").exists()


def test_wrong_options(raw, out, tmp_path):
    with pytest.raises(UserError, match="did you mean emotionet"):
        prepare(raw, out, dataset="EmotionNet")
    with pytest.raises(
        UserError, match="There are: bp4d, bp4dplus, disfa, emotionet, rafau"
    ):
        prepare(raw, out, dataset="imagenet")
    with pytest.raises(UserError, match="nowhere is not a folder"):
        prepare(tmp_path / "nowhere", out)
    with pytest.raises(UserError, match="is inside --raw"):
        prepare(raw, raw / "out")
    with pytest.raises(UserError, match="at least one process"):
        prepare(raw, out, workers=0)
    out.write_text("a file")
    with pytest.raises(UserError, match="cannot write to"):
        prepare(raw, out)


def test_a_folder_of_another_program_is_left_alone(raw, out):
    folder = out / "bp4d" / "1.0.0"
    folder.mkdir(parents=True)
    (folder / "features.json").write_text("{}")
    with pytest.raises(UserError, match="not written by this program"):
        prepare(raw, out)
    assert [file.name for file in folder.iterdir()] == ["features.json"]


def test_a_full_disk(raw, out, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device", "somewhere")

    monkeypatch.setattr("au_jax.preparation.chunks.save", full)
    with pytest.raises(UserError, match="somewhere: No space left"):
        prepare(raw, out)


def test_names_that_are_no_text_are_rejected_once():
    odd = "caf\udce9"
    items = [
        Row(f"{odd}/a.jpg", "train"),
        *(Row(f"v.avi#{i}", "train", video=f"{odd}/v.avi") for i in range(3)),
        Row("good.jpg", "train"),
        Reject(odd, "no_image"),
    ]
    found = list(run._with_text_names(items))
    assert found[2:] == items[-2:]
    detail = "rename it to plain text"
    assert found[:2] == [
        Reject(f"{odd}/{name}", "bad_name", detail) for name in ("a.jpg", "v.avi")
    ]
