"""The set `reenacted`, and its program. The photographs are rendered people."""

import csv
import multiprocessing
import os
import pathlib
import subprocess
import sys

import cv2
import numpy as np
import pytest

from au_jax.data import split
from au_jax.errors import UserError
from au_jax.evaluation import intensity
from au_jax.rendering import driven, reenacted
from au_jax.rendering.reenacted import ReenactOptions

ROOT = pathlib.Path(__file__).parents[2]

pytest.importorskip("dlib", reason="dlib is not installed: the extra `faces`")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Return a folder with two people, a picture without a face, and a damaged one."""
    from tests.rendered import photo

    folder = tmp_path_factory.mktemp("photos")
    for person in (0, 4):
        bgr = cv2.cvtColor(photo(person).image, cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / f"person {person}.png"), bgr)
    cv2.imwrite(str(folder / "grey.png"), np.full((200, 200, 3), 90, np.uint8))
    (folder / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut")
    (folder / "notes.txt").write_text("no picture")
    return folder


def options(photos, out, **changes):
    return ReenactOptions(photos, out, **{"pictures": 2, "most": 99.0} | changes)


@pytest.fixture(scope="module")
def made(photos, tmp_path_factory):
    out = tmp_path_factory.mktemp("made")
    reenacted.make(options(photos, out))
    return out / "reenacted" / "1.0.0"


def table(file):
    return list(csv.DictReader(file.read_text().splitlines()))


def examples(made):
    found = []
    for name in ("train", "val", "test"):
        try:
            faces = split.open_split(made.parents[1], "reenacted", name, driven.AUS)
        except split.NoSuchSplit:
            continue
        found += [faces[i] for i in range(len(faces))]
    return found


def test_records_carry_what_was_driven(made):
    strengths = {row["path"]: row for row in table(made / "intensities.csv")}
    rows = {example["path"]: example for example in examples(made)}
    assert len(rows) == 4
    for path, example in rows.items():
        expected = [float(strengths[path][f"AU{au:02d}"]) >= 0.3 for au in driven.AUS]
        assert example["aus"].tolist() == expected
        assert example["aus_known"].all()
        assert example["subject"] == path.rpartition("/")[0]
        assert example["image"].shape == (200, 200, 3)
    assert not rows["person 0.png/00.jpg"]["aus"].any()


def test_each_photograph_is_accounted_for(made):
    assert {row["path"] for row in table(made / "neutral.csv")} == {
        "person 0.png",
        "person 4.png",
    }
    rejected = {row["path"]: row["reason"] for row in table(made / "rejected.csv")}
    assert rejected == {
        "grey.png": "no_face",
        "cut.jpg": "truncated",
        "notes.txt": "not_image",
    }


def test_faces_that_are_not_neutral_are_left_out(photos, tmp_path):
    with pytest.raises(UserError, match=r"none of the .* can be used"):
        reenacted.make(options(photos, tmp_path, most=0.01, pictures=1))


def test_an_interrupted_run_resumes(photos, made, tmp_path, capsys):
    calls = []

    def pause():
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reenacted.make(options(photos, tmp_path), pause)
    final = tmp_path / "reenacted" / "1.0.0"
    assert not final.exists()
    reenacted.make(options(photos, tmp_path))
    for file in made.iterdir():
        assert file.read_bytes() == (final / file.name).read_bytes()
    capsys.readouterr()
    reenacted.make(options(photos, tmp_path))
    assert "up to date" in capsys.readouterr().out


def test_any_name_of_a_photograph(photos, tmp_path):
    """Names of files are any bytes; of those that are text, intensities are known."""
    data = (photos / "person 0.png").read_bytes()
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "two\nlines \xe4.png").write_bytes(data)
    with open(os.path.join(os.fsencode(raw), b"no \xff text.png"), "wb") as file:
        file.write(data)
    reenacted.make(options(raw, tmp_path / "out", pictures=1))
    made = tmp_path / "out" / "reenacted" / "1.0.0"
    (rejected,) = table(made / "rejected.csv")
    assert rejected["path"] == "no \\udcff text.png"
    assert rejected["reason"] == "bad_name"
    (example,) = examples(made)
    name = reenacted.splits.by_name(example["subject"], 0)
    faces = split.open_split(tmp_path / "out", "reenacted", name, driven.AUS)
    assert not np.isnan(intensity.read_table(made / "intensities.csv", faces)).any()


def test_no_name_is_text(photos, tmp_path):
    name = os.path.join(os.fsencode(tmp_path), b"no \xff text.png")
    with open(name, "wb") as file:
        file.write((photos / "person 0.png").read_bytes())
    out = tmp_path.with_name("out of no text")
    with pytest.raises(UserError, match=r"none of the 1 files.*bad_name, rename it"):
        reenacted.make(options(tmp_path, out))


def test_the_set_is_not_made_among_the_photographs(photos):
    """Its unfinished files would count as files that cannot be used."""
    with pytest.raises(UserError, match="is inside --raw; choose another folder"):
        reenacted.make(options(photos, photos / "prepared"))
    assert not (photos / "prepared").exists()


def test_a_missing_package_is_reported_first(photos, tmp_path, monkeypatch):
    def make_finder(method):
        raise UserError("dlib is missing")

    monkeypatch.setattr(reenacted.detect, "make_finder", make_finder)
    with pytest.raises(UserError, match="dlib is missing"):
        reenacted.make(options(photos, tmp_path))
    assert not (tmp_path / "reenacted").exists()


def test_a_process_that_dies(photos, tmp_path):
    def kill():
        for process in multiprocessing.active_children():
            process.kill()

    with pytest.raises(UserError, match=r"finds faces died.* fewer --workers"):
        reenacted.make(options(photos, tmp_path, pictures=9), kill)


def test_a_set_is_not_replaced_in_silence(photos, made, capsys):
    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reenacted.make(options(photos, made.parents[1], pictures=1), stop)
    again = "was made from other files or settings: making it again"
    assert again in capsys.readouterr().out
    assert len(examples(made)) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--raw=nowhere",), "--raw=nowhere is not a folder"),
        (("--raw=.", "--pictures=0"), "--pictures"),
        (("--raw=.", "--landmarks_by=dlib"), "--landmarks_by"),
        ((), "--raw"),
    ],
)
def test_a_mistake_is_named_in_one_line(tmp_path, arguments, message):
    program = [sys.executable, "-m", "au_jax.reenact", f"--data_dir={tmp_path / 'out'}"]
    result = subprocess.run(
        [*program, *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 2, result.stderr
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_training_names_the_program_that_makes_the_set(tmp_path):
    with pytest.raises(UserError, match=r"au_jax\.reenact --raw=DIR --data_dir"):
        split.open_split(tmp_path, "reenacted", "train", (1,))
