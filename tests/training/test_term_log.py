"""The log never makes a device wait. Expected: JAX's transfer guard reports nothing."""

import jax
import numpy as np
import pytest

from au_jax.training import optimizers
from au_jax.training.progress import StageProgress
from au_jax.training.term_log import IN_FLIGHT, TermLog
from au_jax.workdir.metrics_log import MetricsLog, read_metrics
from configs import joint


@pytest.fixture
def make_log(tmp_path):
    def make(every):
        rates = optimizers.learning_rates(joint.get_config(), "joint", ["task"], 6)
        return TermLog(
            MetricsLog(tmp_path, "joint"),
            StageProgress("joint", 0, 6, images_per_step=1),
            rates,
            every=every,
            num_steps=6,
            on_nonfinite="stop",
            paths=lambda step: [],
            notes={},
        )

    return make


def test_a_report_gives_the_device_nothing_to_compute(make_log, tmp_path):
    """A computation would wait for steps in flight. (The guard ignores CPU reads.)"""
    log = make_log(every=1)
    terms = {"total": jax.device_put(np.float32(1))}
    with jax.transfer_guard("disallow"):
        for step in range(1, 7):
            log.add(step, terms)
        log.flush()
    log.metrics.close()
    actual = [line["learning_rate/task"] for line in read_metrics(tmp_path)]
    np.testing.assert_allclose(
        actual, np.repeat([1e-4, 2e-4 / 3, 1e-4 / 3], 2), rtol=1e-6
    )


def test_the_clock_starts_when_no_step_is_in_flight(make_log):
    """The first steps are counted neither as steps nor as time."""
    waited = []

    class Term(np.ndarray):
        """A term that records when it is waited for."""

        def block_until_ready(self):
            waited.append(int(self.view(np.ndarray)))
            return self

    log = make_log(every=6)
    for step in range(1, IN_FLIGHT + 2):
        log.add(step, {"total": np.asarray(step).view(Term)})
    assert waited == list(range(2, IN_FLIGHT + 2))
    assert log.timed_steps == -IN_FLIGHT
    log.metrics.close()


def test_terms_are_read_only_after_later_steps_were_dispatched(make_log):
    read = []

    class Term(np.ndarray):
        """A term that records when it is read."""

        def __array__(self, dtype=None, copy=None):
            read.append(int(self.view(np.ndarray)))
            return np.ones((), np.float32)

    log = make_log(every=1)
    for step in range(1, 7):
        log.add(step, {"total": np.asarray(step).view(Term)})
        assert read == list(range(1, step - IN_FLIGHT + 1))
    log.flush()
    assert read == [1, 2, 3, 4, 5, 6]
    log.metrics.close()
