"""Two real processes that train one model; expected: one process with two devices."""

import os
import signal

import numpy as np
import pytest

from au_jax import processes
from au_jax.errors import UserError
from tests.programs import finish, metrics, start, start_two
from tests.synthetic import write_prepared
from tests.test_killed import SHORT, wait_for


def test_alone_there_is_nobody_to_ask():
    processes.join("", 1, 0)
    assert processes.alone()
    assert processes.first()
    assert processes.largest((0, 15)) == [0, 15]


def test_a_process_that_is_not_among_them_is_named():
    with pytest.raises(UserError, match=r"process_index=2 .* --process_count=2"):
        processes.join("127.0.0.1:1", 2, 2)


@pytest.mark.slow
def test_a_signal_to_one_process_stops_both_after_the_same_step(tmp_path):
    for name in ("bp4d", "emotionet"):
        write_prepared(tmp_path / "data", name, {"train": 80, "val": 8, "test": 8})
    data, both = str(tmp_path / "data"), tmp_path / "both"
    # Epochs of 20 steps, so that the signal comes before the end of the first.
    flags = (*SHORT, "--config.max_steps_per_epoch=20")
    pair = start_two(both, data, *flags)
    wait_for(both / "supervised" / "3", pair[0])
    os.kill(pair[1].pid, signal.SIGTERM)
    said = [process.communicate(timeout=200)[0] for process in pair]
    assert [process.returncode for process in pair] == [143, 143], said
    assert "wrote a checkpoint after step" in said[0]
    for process in start_two(both, data, *flags):
        finish(process)

    one = tmp_path / "one"
    finish(start(one, data, *flags, devices=2))
    found, wanted = metrics(both), metrics(one)
    assert [line["step"] for line in found] == [line["step"] for line in wanted]
    # Rows lie on other devices, so that sums differ in their last digits, which
    # training enlarges.
    for ours, theirs in zip(found, wanted, strict=True):
        if "total" in ours:
            np.testing.assert_allclose(ours["total"], theirs["total"], rtol=1e-3)
