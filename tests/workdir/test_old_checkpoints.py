"""Programs killed while checkpoints are deleted or written again.

Expected: what the checkpoints that were not touched hold.
"""

import shutil
import subprocess
import sys

import pytest

from au_jax.errors import UserError
from au_jax.workdir import checkpoints, old_checkpoints
from tests.programs import ROOT
from tests.workdir.test_checkpoints import DOMAINS, make_state, save_all

SCORES = {domain: 0.5 for domain in DOMAINS}
THREE = [(0.1, 0.1), (0.9, 0.9), (0.2, 0.2)]

# The process ends before the first file of step 1 is deleted, by whomever.
KILLED_WHILE_DELETING = """
import os, sys
from pathlib import Path
from tests.workdir.test_checkpoints import save_all

def watch(event, arguments):
    if event == "os.remove":
        path, folder = Path(os.fsdecode(arguments[0])), arguments[1]
        if folder != -1:  # relative to an open folder
            path = Path(os.readlink(f"/proc/self/fd/{{folder}}")) / path
        if "1" in path.parts:
            os._exit(7)

sys.addaudithook(watch)
save_all(Path({folder!r}), {scores})
"""


def save(directory, scores, step=3):
    with checkpoints.open_manager(directory, DOMAINS) as manager:
        checkpoints.save(manager, make_state(float(step), step), scores, {"at": step})
        checkpoints.wait(manager)


def best(directory):
    with checkpoints.open_manager(directory, DOMAINS, read_only=True) as manager:
        assert checkpoints.is_validated(manager)
        return checkpoints.best_step(manager, "source")


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def test_killed_while_a_superseded_checkpoint_is_deleted_the_others_count(tmp_path):
    scores = [*THREE, (0.3, 0.3)]
    program = KILLED_WHILE_DELETING.format(folder=str(tmp_path), scores=scores)
    killed = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False)
    assert killed.returncode == 7
    # Which files go first depends on the file system; these are the worst.
    (superseded,) = tmp_path.rglob("1")
    shutil.rmtree(superseded / "metrics")
    assert best(tmp_path) == (2, 0.9)
    assert checkpoints.position(tmp_path) == checkpoints.Position(3, validated=True)
    checkpoints.clear(tmp_path)
    assert names(tmp_path) == ["2", "3"]


def test_a_damaged_checkpoint_is_reported_all_the_same(tmp_path):
    save_all(tmp_path, [*THREE, (0.3, 0.3)])
    shutil.rmtree(tmp_path / "3" / "metrics")
    with pytest.raises(UserError, match=r"/3 is damaged \(its scores\)"):
        best(tmp_path)


class Killed(BaseException):
    """Stands for the end of the process: nothing after it happens."""


@pytest.fixture
def killed_at_the_save(monkeypatch):
    """Kill a program when it has set the old version aside."""
    set_aside = old_checkpoints.set_aside

    def then_kill(directory, step):
        set_aside(directory, step)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(old_checkpoints, "set_aside", then_kill)
        yield patch


def test_killed_while_scores_are_added_the_only_checkpoint_counts(
    tmp_path, killed_at_the_save
):
    save(tmp_path, None)
    with pytest.raises(Killed):
        save(tmp_path, SCORES)
    assert checkpoints.position(tmp_path) == checkpoints.Position(3, validated=False)
    assert checkpoints.read_notes(tmp_path, 3) == {"at": 3}
    killed_at_the_save.undo()
    with checkpoints.open_manager(tmp_path, DOMAINS) as manager:
        assert list(manager.all_steps()) == [3]
    assert names(tmp_path) == ["3"]
    save(tmp_path, SCORES)
    assert checkpoints.position(tmp_path) == checkpoints.Position(3, validated=True)
    assert names(tmp_path) == ["3"]


def test_killed_before_the_old_version_is_deleted_the_new_one_counts(
    tmp_path, monkeypatch
):
    save_all(tmp_path, THREE[:2])
    save(tmp_path, None)
    rmtree = shutil.rmtree

    def kill(folder):
        rmtree(folder / "3" / "params")
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(old_checkpoints.shutil, "rmtree", kill)
        with pytest.raises(Killed):
            save(tmp_path, SCORES)
    assert checkpoints.position(tmp_path) == checkpoints.Position(3, validated=True)
    assert best(tmp_path) == (2, 0.9)
    checkpoints.clear(tmp_path)
    assert names(tmp_path) == ["2", "3"]


def test_a_folder_that_cannot_be_changed_is_one_line(tmp_path, monkeypatch):
    save_all(tmp_path, THREE)
    (tmp_path / old_checkpoints.SUPERSEDED).mkdir(exist_ok=True)

    def fail(folder):
        raise OSError(30, "Read-only file system", str(folder))

    monkeypatch.setattr(old_checkpoints.shutil, "rmtree", fail)
    with pytest.raises(
        UserError, match=r"cannot delete old checkpoints in .*Read-only"
    ):
        checkpoints.clear(tmp_path)
