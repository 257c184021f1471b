"""Killed runs of the real program. Expected: the bits of an undisturbed run."""

import os
import random
import shutil
import signal
import subprocess
import time

import pytest

from tests.programs import arrays, checkpoints, finish, metrics, start
from tests.synthetic import write_prepared
from tests.trees import assert_trees_equal

SHORT = (
    "--config=configs/supervised.py:tiny",
    "--config.data.aus=(1,12)",
    "--config.supervised.epochs=2",
    "--config.checkpoint_every=3",
    "--config.log_every=4",
)
LONG = (
    "--config=configs/joint.py:tiny",
    "--config.max_steps_per_epoch=10",
    "--config.landmarks.epochs=2",
    "--config.joint.epochs=4",
    "--config.checkpoint_every=3",
    "--config.log_every=4",
)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    write_prepared(folder, "bp4d", {"train": 40, "val": 8, "test": 8})
    write_prepared(folder, "emotionet", labelled_train=False)
    return str(folder)


def assert_same_run(actual, expected, last_steps):
    assert metrics(actual) == metrics(expected)
    for stage, step in last_steps.items():
        kept = checkpoints(expected, stage)
        assert str(step) in kept
        # Killed at the very end of a stage, it may not have deleted others yet.
        assert set(kept) <= set(checkpoints(actual, stage))
        for name in kept:
            assert_trees_equal(
                *(arrays(run, stage, name) for run in (actual, expected))
            )


def wait_for(path, process):
    while not path.exists():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)


@pytest.fixture(scope="module")
def whole(data_dir, tmp_path_factory):
    """Return the workdir of an undisturbed run."""
    workdir = tmp_path_factory.mktemp("whole")
    finish(start(workdir, data_dir, *SHORT))
    return workdir


def test_a_killed_run_resumes_to_the_same_numbers(data_dir, whole, tmp_path):
    """Kill it in the first epoch; go on with a loader process."""
    process = start(tmp_path, data_dir, *SHORT)
    wait_for(tmp_path / "supervised" / "6", process)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    output = finish(start(tmp_path, data_dir, *SHORT, "--config.data.num_workers=1"))
    assert "supervised: resuming after 6 of 16 steps" in output
    assert "leaked" not in output
    assert_same_run(tmp_path, whole, {"supervised": 16})


@pytest.mark.slow
def test_a_stopped_run_resumes_to_the_same_numbers(data_dir, whole, tmp_path):
    """Stop the process and its loader in the second epoch."""
    stopped = tmp_path
    process = start(stopped, data_dir, *SHORT, "--config.data.num_workers=1")
    wait_for(stopped / "supervised" / "12", process)
    os.killpg(process.pid, signal.SIGTERM)
    output, _ = process.communicate()  # the pipe is closed: no loader process is left
    assert process.returncode == 143, output
    assert output.rstrip().endswith(
        "stopped by SIGTERM; run the same command again to resume"
    )
    assert "Traceback" not in output
    assert "leaked" not in output

    finish(start(stopped, data_dir, *SHORT))
    assert_same_run(stopped, whole, {"supervised": 16})


@pytest.mark.slow
def test_twenty_kills_at_random_moments(data_dir, tmp_path):
    """With and without loader processes in turn, which must not matter."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    begun = time.monotonic()
    finish(start(whole, data_dir, *LONG))
    took = time.monotonic() - begun
    rng, kills = random.Random(0), 0

    def go_on():
        workers = f"--config.data.num_workers={2 * (kills % 2)}"
        return start(killed, data_dir, *LONG, workers)

    while kills < 20:
        process = go_on()
        try:
            process.wait(rng.uniform(0, 0.5 * took))
        except subprocess.TimeoutExpired:
            process.kill()
            kills += 1
        # Loader processes hold the pipe open, so this waits for them, too.
        output = process.communicate(timeout=60)[0]
        assert process.returncode in (0, -signal.SIGKILL), output
        if (
            process.returncode == 0
        ):  # at the end: compare, and start once more from nothing
            assert_same_run(killed, whole, {"landmarks": 20, "joint": 40})
            shutil.rmtree(killed)
    finish(go_on())
    assert_same_run(killed, whole, {"landmarks": 20, "joint": 40})
