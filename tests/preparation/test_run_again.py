"""Runs after another one: finished, interrupted, killed, or still running.

Expected: the files of an undisturbed run.
"""

import multiprocessing
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from au_jax.errors import UserError
from au_jax.preparation import run
from au_jax.preparation.run import PrepareOptions
from tests.raw_trees import make_finder, write_bp4d, write_picture

ROOT = pathlib.Path(__file__).parents[2]


def prepare(raw, out, dataset="bp4d", workers=1, seed=0, finder=make_finder):
    options = PrepareOptions(dataset, raw, out, workers=workers, seed=seed)
    return run.prepare(options, finder)


def make_no_finder():
    raise AssertionError("nothing should be looked for again")


def make_deadly_finder():
    """Return a finder that dies like a process out of memory."""
    if multiprocessing.parent_process() is not None:
        return lambda image: os.kill(os.getpid(), signal.SIGKILL)
    return make_finder()


def files(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture
def raw(tmp_path):
    return write_bp4d(tmp_path / "raw", tasks=("T1", "T2"), frames=range(40))


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def test_a_finished_set_is_left_alone(raw, out, capsys):
    prepare(raw, out)
    first, text = files(out / "bp4d" / "1.0.0"), capsys.readouterr().out
    prepare(raw, out, finder=make_no_finder)
    assert files(out / "bp4d" / "1.0.0") == first
    again = capsys.readouterr().out
    assert "up to date" in again
    assert again.splitlines()[1:] == text.splitlines()[1:]


def test_remains_of_a_killed_run_are_removed(raw, out):
    prepare(raw, out)
    left = out / "bp4d" / ".1.0.0.partial" / "old"
    left.mkdir(parents=True)
    (left / "counts.json").write_text("{}")
    prepare(raw, out, finder=make_no_finder)
    assert [file.name for file in (out / "bp4d").iterdir()] == ["1.0.0"]


def edit_label(raw):
    table = raw / "AUCoding" / "AU_OCC" / "F001_T1.csv"
    text = table.read_text()
    assert ",1,9\n" in text  # AU 12 and 13
    table.write_text(text.replace(",1,9\n", ",0,9\n", 1))


def add_picture(raw):
    write_bp4d(raw, subjects=["F009"])


def replace_picture(raw):
    write_picture(raw / "F001" / "T1" / "0001.jpg", 99)


def remove_picture(raw):
    (raw / "F001" / "T1" / "0001.jpg").unlink()


def change_nothing(raw):
    pass


@pytest.mark.parametrize(
    ("change", "seed"),
    [
        (edit_label, 0),
        (add_picture, 0),
        (replace_picture, 0),
        (remove_picture, 0),
        (change_nothing, 1),
    ],
)
def test_a_changed_set_is_prepared_again(raw, out, tmp_path, capsys, change, seed):
    prepare(raw, out)
    change(raw)
    prepare(raw, out, seed=seed)
    assert "preparing it again" in capsys.readouterr().out
    prepare(raw, tmp_path / "new", seed=seed)
    assert files(out / "bp4d" / "1.0.0") == files(tmp_path / "new" / "bp4d" / "1.0.0")
    assert [file.name for file in (out / "bp4d").iterdir()] == ["1.0.0"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, MemoryError])
def test_an_interrupted_run_resumes(raw, out, tmp_path, stop):
    looks = []

    def stopping(after):
        def make():
            find = make_finder()

            def look(image):
                looks.append(1)
                if len(looks) > after:
                    raise stop
                return find(image)

            return look

        return make

    with pytest.raises(stop):
        prepare(raw, out, finder=stopping(200))
    assert [file.name for file in (out / "bp4d").iterdir()] == [".1.0.0.partial"]
    looks.clear()
    prepare(raw, out, finder=stopping(1000))
    assert len(looks) == 240 - 3 * 64  # three chunks were kept
    prepare(raw, tmp_path / "new")
    assert files(out / "bp4d" / "1.0.0") == files(tmp_path / "new" / "bp4d" / "1.0.0")
    assert [file.name for file in (out / "bp4d").iterdir()] == ["1.0.0"]


KILLED = """
import functools, pathlib, sys, time
from au_jax.preparation.run import PrepareOptions, prepare
from tests import raw_trees

def make_slow_finder():
    find = raw_trees.make_finder()
    return lambda image: time.sleep(0.02) or find(image)

if __name__ == "__main__":
    raw, out = map(pathlib.Path, sys.argv[1:])
    prepare(PrepareOptions("bp4d", raw, out), make_slow_finder)
"""


def test_a_killed_run_resumes(raw, out, tmp_path):
    """After kill -9, which leaves no time to tidy up."""
    process = subprocess.Popen([sys.executable, "-c", KILLED, raw, out], cwd=ROOT)
    work = out / "bp4d" / ".1.0.0.partial" / "faces"
    while len(list(work.glob("*/[!.]*.npz"))) < 2:
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not (out / "bp4d" / "1.0.0").exists()
    looks = []

    def make_counting_finder():
        find = make_finder()
        return lambda image: looks.append(1) or find(image)

    prepare(raw, out, finder=make_counting_finder)
    assert len(looks) <= 240 - 2 * 64
    prepare(raw, tmp_path / "new")
    assert files(out / "bp4d" / "1.0.0") == files(tmp_path / "new" / "bp4d" / "1.0.0")


def test_a_process_that_dies(raw, out):
    with pytest.raises(UserError, match="process that finds faces died"):
        prepare(raw, out, workers=2, finder=make_deadly_finder)
    assert not (out / "bp4d" / "1.0.0").exists()


def test_two_runs_at_once(raw, out):
    def make():
        with pytest.raises(UserError, match="another program is preparing"):
            prepare(raw, out)
        return make_finder()

    prepare(raw, out, finder=make)
