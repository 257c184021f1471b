"""The set `reenacted`, and its program. The photographs are rendered people."""

import csv
import pathlib
import subprocess
import sys

import cv2
import numpy as np
import pytest

from au_jax.data import split
from au_jax.errors import UserError
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
