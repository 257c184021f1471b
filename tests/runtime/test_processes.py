"""Two real processes train one model. Expected: one process with two devices."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from au_jax.errors import UserError
from au_jax.runtime import processes
from au_jax.workdir import validations
from tests.programs import (
    ROOT,
    arrays,
    checkpoints,
    finish,
    metrics,
    start,
    start_two,
)
from tests.synthetic import write_prepared
from tests.training.test_killed import SHORT, wait_for
from tests.trees import assert_trees_equal


def test_a_single_process_asks_no_other():
    processes.join("", 1, 0)
    assert processes.alone()
    assert processes.first()
    assert processes.largest((0, 15)) == [0, 15]


def test_a_process_outside_the_group_is_named():
    with pytest.raises(UserError, match=r"process_index=2 .* --process_count=2"):
        processes.join("127.0.0.1:1", 2, 2)


@pytest.mark.parametrize(("count", "index"), [(2, 0), (2, 1), (1, 1), (0, 0)])
def test_a_group_without_a_meeting_point_is_refused(count: int, index: int):
    with pytest.raises(UserError, match=r"also need --coordinator=HOST:PORT"):
        processes.join("", count, index)


@pytest.mark.parametrize("wrong", ["host", "127.0.0.1:", ":80", "host:70000", "a:b"])
def test_a_meeting_point_is_a_host_and_a_port(wrong: str):
    with pytest.raises(UserError, match=f"--coordinator={wrong} must be HOST:PORT"):
        processes.join(wrong, 2, 0)


def test_processes_with_other_data_end_at_once(monkeypatch):
    values = {"configs": [("seed", "0")], "data": {"bp4d/train": 24}}
    processes.check_equal(values)  # alone
    monkeypatch.setattr(processes, "alone", lambda: False)
    monkeypatch.setattr(
        processes.multihost_utils, "process_allgather", lambda own: np.stack([own, own])
    )
    processes.check_equal(values)
    monkeypatch.setattr(
        processes.multihost_utils,
        "process_allgather",
        lambda own: np.stack([own, own[:1].repeat(2, axis=0)]),
    )
    with pytest.raises(UserError, match=r"^the data of the processes differ"):
        processes.check_equal(values)


@pytest.mark.slow
def test_processes_on_other_data_are_one_line(tmp_path):
    """Their epochs would end at other steps, and they would wait for ever."""
    for folder, size in (("data", 80), ("other", 40)):
        write_prepared(tmp_path / folder, "bp4d", {"train": size, "val": 8})
        write_prepared(tmp_path / folder, "emotionet", {"train": 80, "val": 8})
    other = f"--config.data.data_dir={tmp_path / 'other'}"
    python = tmp_path / "python"
    python.write_text(f"""#!/bin/sh
case "$*" in *--process_index=1*) set -- "$@" {other} ;; esac
exec {sys.executable} "$@"
""")
    python.chmod(0o755)
    run = start_local(tmp_path / "run", tmp_path / "data", *SHORT, python=python)
    output, _ = run.communicate(timeout=200)
    assert run.returncode == 2, output
    assert "error: the data of the processes differ" in output


@pytest.mark.slow
def test_a_signal_to_one_process_stops_both_after_the_same_step(tmp_path):
    for name in ("bp4d", "emotionet"):
        write_prepared(tmp_path / "data", name, {"train": 80, "val": 13, "test": 8})
    data, both = str(tmp_path / "data"), tmp_path / "both"
    # Epochs have 20 steps, so the signal comes before the end of the first.
    flags = (*SHORT, "--config.max_steps_per_epoch=20")
    pair = start_two(both, data, *flags)
    wait_for(both / "supervised" / "3", pair[0])
    os.kill(pair[1].pid, signal.SIGTERM)
    output = [process.communicate(timeout=200)[0] for process in pair]
    assert [process.returncode for process in pair] == [143, 143], output
    assert "wrote a checkpoint after step" in output[0]
    at_end = "--config.eval.at_end=test"
    first, second = [finish(run) for run in start_two(both, data, *flags, at_end)]
    told = f"processes do not evaluate; run python -m au_jax.eval --workdir={both}"
    assert told in first
    assert told not in second

    # Each device has the same rows, and two numbers add up in one way only: equal bits.
    one = tmp_path / "one"
    finish(start(one, data, *flags, devices=2))
    assert metrics(both) == metrics(one)
    last = checkpoints(one, "supervised")[-1]
    assert_trees_equal(*(arrays(run, "supervised", last) for run in (both, one)))
    # The processes share a validation; its answers are in the order of the images.
    steps = validations.steps(one, "supervised")
    assert steps == [20, 40]
    for step in steps:
        answers = (validations.read(run, "supervised", step) for run in (both, one))
        assert_trees_equal(*answers)


def start_local(workdir, data, *flags, python=sys.executable):
    """Start launch/local.sh with two processes, in its own process group."""
    command = ["bash", str(ROOT / "launch" / "local.sh"), "2", f"--workdir={workdir}"]
    return subprocess.Popen(
        [*command, *flags, f"--config.data.data_dir={data}"],
        cwd=ROOT,
        env=os.environ | {"PYTHON": str(python), "JAX_NUM_CPU_DEVICES": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.mark.slow
def test_local_processes_stop_together(tmp_path):
    for name in ("bp4d", "emotionet"):
        write_prepared(tmp_path / "data", name, {"train": 80, "val": 8, "test": 8})
    workdir = tmp_path / "run"
    flags = (*SHORT, "--config.max_steps_per_epoch=20")
    run = start_local(workdir, tmp_path / "data", *flags)
    wait_for(workdir / "supervised" / "3", run)
    os.kill(run.pid, signal.SIGTERM)  # only to the script
    output, _ = run.communicate(timeout=200)
    assert run.returncode == 143, output
    # When one process ends, even by kill -9, the other ends, too.
    run = start_local(workdir, tmp_path / "data", *flags)
    marks = workdir / "supervised"
    before = {path.name for path in marks.iterdir()}
    while {path.name for path in marks.iterdir()} <= before:
        assert run.poll() is None, run.communicate()
        time.sleep(0.1)
    actual = subprocess.run(
        ["pgrep", "-P", str(run.pid)], capture_output=True, text=True, check=True
    )
    os.kill(int(actual.stdout.split()[-1]), signal.SIGKILL)
    output, _ = run.communicate(timeout=200)
    assert run.returncode == 128 + signal.SIGKILL, output
    assert output.rstrip().splitlines()[-1] == (
        "error: process 1 of 2 (from 0) was ended by SIGKILL, so the others were"
        " ended, too; run the same command again to resume"
    )
    assert "Traceback" not in output
    run = start_local(workdir, tmp_path / "data", *flags)
    output, _ = run.communicate(timeout=200)
    assert run.returncode == 0, output
    assert "40/40" in output


@pytest.mark.slow
def test_local_processes_report_a_mistake(tmp_path):
    run = start_local(tmp_path / "run", tmp_path / "none", *SHORT)
    output, _ = run.communicate(timeout=200)
    assert run.returncode == 2, output
    assert "the same command" not in output


@pytest.mark.slow
def test_a_process_that_fails_does_not_wait_for_the_other(tmp_path):
    """The second lacks the data; the first fails instead of waiting for it."""
    for name in ("bp4d", "emotionet"):
        write_prepared(tmp_path / "data", name, {"train": 80, "val": 8, "test": 8})
    python = tmp_path / "python"
    mistake = f"--config.data.data_dir={tmp_path}"
    python.write_text(f"""#!/bin/sh
case "$*" in *--process_index=1*) set -- "$@" {mistake} ;; esac
exec {sys.executable} "$@"
""")
    python.chmod(0o755)
    run = start_local(tmp_path / "run", tmp_path / "data", *SHORT, python=python)
    output, _ = run.communicate(timeout=120)
    assert run.returncode == 2, output
    assert [line for line in output.splitlines() if line.startswith("error: ")], output
    assert f"--data_dir={tmp_path}\n" in output
    assert "Traceback" not in output


def test_local_processes_are_numbered():
    run = subprocess.run(
        ["bash", ROOT / "launch" / "local.sh", "no"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert "launch/local.sh N" in run.stderr
