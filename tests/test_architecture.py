"""The contract of the layers holds, and docs/architecture.svg shows the imports."""

import importlib.util
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from tests.programs import ROOT

spec = importlib.util.spec_from_file_location(
    "draw_architecture", ROOT / "docs" / "draw_architecture.py"
)
assert spec is not None
assert spec.loader is not None
drawing = importlib.util.module_from_spec(spec)
spec.loader.exec_module(drawing)


@pytest.fixture(autouse=True)
def _keep_the_path(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))


def test_layers_hold():
    tool = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    assert tool, "import-linter is not installed"
    done = subprocess.run(
        [tool, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_the_picture_is_up_to_date():
    assert drawing.PICTURE.read_text() == drawing.draw(), (
        "the imports or sizes have changed: run .venv/bin/python"
        " docs/draw_architecture.py"
    )


def test_the_picture_shows_every_folder_and_program():
    picture = drawing.draw()
    for path in (ROOT / "au_jax").iterdir():
        if path.is_dir() and (path / "__init__.py").exists():
            assert f">{path.name}/</text>" in picture
        elif path.suffix == ".py" and not path.name.startswith("__"):
            assert f">{path.stem}</text>" in picture


def test_an_arrow_that_follows_from_others_is_left_out():
    arrows = {("a", "b"), ("b", "c"), ("a", "c"), ("d", "c")}
    assert drawing.reduced(arrows) == [("a", "b"), ("b", "c"), ("d", "c")]


def test_a_folder_stands_above_all_that_it_imports():
    arrows = [("a", "b"), ("b", "c"), ("d", "c"), ("run", "d")]
    rows = drawing.levels(["c", "d", "b", "a", "run"], arrows, programs=["run"])
    assert rows == [["c"], ["b", "d"], ["a", ("run", "d", 2)], ["run"]]


def test_boxes_of_a_row_do_not_overlap():
    place = drawing.spread(["a", "b", "c"], [0.0, 0.0, 500.0])
    assert place["a"] + place["b"] == pytest.approx(0)  # as near as they may be
    assert place["c"] == 500
    for x, next_x in pairwise(place.values()):
        assert next_x - x >= drawing.BOX
