"""Damage to a stored checkpoint. Expected: the saved values, or one line."""

import random
import re
import shutil
import subprocess
import sys

import pytest

from au_jax.errors import UserError
from au_jax.stages import state as train_state
from au_jax.workdir import checkpoints
from tests.programs import ROOT
from tests.trees import assert_trees_equal
from tests.workdir.test_checkpoints import DEVICE, DOMAINS, make_state, save_all

NOTES = {"config": {}, "window": [], "skipped": 0}


def restore_everything(folder):
    """Return all that any program reads of the checkpoint of step 1."""
    position = checkpoints.position(folder)
    assert position is not None
    shapes = train_state.checkpoint_items(make_state(0.0, 0))
    with checkpoints.open_manager(folder, DOMAINS, read_only=True) as manager:
        best = checkpoints.best_step(manager, "target")
        state = checkpoints.restore(manager, position.step, shapes, DEVICE)
    return position, best, checkpoints.read_notes(folder, position.step), state


@pytest.fixture
def saved(tmp_path):
    folder = tmp_path / "joint"
    save_all(folder, [(0.25, 0.5)])
    return folder


def damage_every_file(saved, tmp_path):
    """Change a bit of each file, twice; assert one line or the saved values."""
    expected = restore_everything(saved)
    files = [path.relative_to(saved) for path in saved.rglob("*") if path.is_file()]
    chance, seen, said = random.Random(0), set(), []
    for index, file in enumerate(files * 2):
        copy = tmp_path / str(index) / "joint"
        shutil.copytree(saved, copy)
        data = bytearray((copy / file).read_bytes())
        if not data:
            continue
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        (copy / file).write_bytes(data)
        try:
            actual = restore_everything(copy)
        except UserError as error:
            said.append(str(error))
            seen.add(file.parts[1])
        else:
            assert actual[:3] == expected[:3]
            assert_trees_equal(actual[3], expected[3])
        shutil.rmtree(copy)
    assert {"params", "batch_stats", "opt_state", "notes", "metrics"} <= seen
    assert all(re.search(r"/joint(/1)? is damaged \(", line) for line in said)
    assert all(line.isprintable() for line in said)


def test_changed_bit_of_any_file_changes_nothing_or_is_one_line(saved, tmp_path):
    # In a program of its own, because Orbax leaves coroutines behind.
    name, folders = (
        "damage_every_file",
        f"Path({str(saved)!r}), Path({str(tmp_path)!r})",
    )
    program = f"""
from pathlib import Path
from tests.workdir.test_damaged_checkpoints import {name}
{name}({folders})
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize("part", ["params", "opt_state", "batch_stats", "metrics"])
def test_missing_part_is_one_line(saved, part):
    shutil.rmtree(saved / "1" / part)
    with pytest.raises(UserError) as caught:
        restore_everything(saved)
    assert f"delete {saved / '1'}, and the checkpoint before it counts" in str(
        caught.value
    )


def test_checkpoint_of_an_older_version_has_no_digests_and_is_read(saved):
    expected = restore_everything(saved)
    shutil.rmtree(saved / "1" / "digests")
    actual = restore_everything(saved)
    assert_trees_equal(actual[3], expected[3])
