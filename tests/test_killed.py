"""Runs of the real program, killed; expected: bit for bit a run that was not."""

import random
import signal
import time

import pytest

from tests.programs import arrays, checkpoints, finish, metrics, start
from tests.synthetic import write_prepared
from tests.trees import assert_trees_equal

SHORT = (
    "--config=configs/supervised.py:tiny",
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


def assert_same_run(found, wanted, last_steps):
    assert metrics(found) == metrics(wanted)
    for stage, step in last_steps.items():
        assert checkpoints(found, stage) == checkpoints(wanted, stage)
        assert_trees_equal(*(arrays(run, stage, step) for run in (found, wanted)))


def wait_for(path, process):
    while not path.exists():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)


def test_a_killed_run_goes_on_to_the_same_numbers(data_dir, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    finish(start(whole, data_dir, *SHORT))
    # Within an epoch and a logging window, and once more within the second epoch.
    for step in (6, 12):
        process = start(killed, data_dir, *SHORT)
        wait_for(killed / "supervised" / str(step), process)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    assert "supervised: 12 of 16 steps" in finish(start(killed, data_dir, *SHORT))
    assert_same_run(killed, whole, {"supervised": 16})
    assert "all 16 steps are done" in finish(start(killed, data_dir, *SHORT))


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_twenty_kills_at_random_moments(data_dir, tmp_path, workers):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    begun = time.monotonic()
    finish(start(whole, data_dir, *LONG))
    took = time.monotonic() - begun
    rng = random.Random(workers)
    flags = (*LONG, f"--config.data.num_workers={workers}")
    steps = []
    for _ in range(20):
        process = start(killed, data_dir, *flags)
        time.sleep(rng.uniform(0, 0.6 * took))
        process.kill()
        process.communicate()
        steps.append(process.returncode)
    assert steps.count(-signal.SIGKILL) >= 10  # the others found all done
    finish(start(killed, data_dir, *flags))
    assert_same_run(killed, whole, {"landmarks": 20, "joint": 40})
