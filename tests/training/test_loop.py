"""The real loop. Expected: no report of JAX's transfer guard; signals act at once."""

import signal

import jax
import numpy as np
import pytest

from au_jax.runtime.signals import Requests, Stopped
from au_jax.training import loop
from au_jax.training.plan import make_plan
from au_jax.training.run import open_data
from au_jax.workdir.metrics_log import read_metrics
from configs import joint as joint_config
from tests.synthetic import write_prepared


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    write_prepared(folder, "bp4d")
    write_prepared(folder, "emotionet", labelled_train=False)
    config = joint_config.get_config("tiny")
    config.data.data_dir = str(folder)
    config.max_steps_per_epoch = 2
    config.log_every = 1
    return config


def run_stage(config, workdir, requests=None):
    data = open_data(config)
    plan = make_plan("landmarks", config, data.train, workdir)
    loop.run_stage(plan, data.val, workdir, requests or Requests())


@pytest.fixture
def guarded(monkeypatch):
    """Forbid implicit transfers from the moment at which a stage is initialised."""
    initialise = loop.restore_or_initialise

    def then_guard(*arguments):
        state = initialise(*arguments)
        jax.config.update("jax_transfer_guard", "disallow")
        return state

    monkeypatch.setattr(loop, "restore_or_initialise", then_guard)
    yield
    jax.config.update("jax_transfer_guard", "allow")


@pytest.mark.usefixtures("guarded")
def test_steps_logs_validation_and_checkpoints_make_no_implicit_transfer(
    config, tmp_path
):
    run_stage(config, tmp_path)
    lines = list(read_metrics(tmp_path))
    assert [line["step"] for line in lines] == [1, 2, 2]
    assert "selection/source" in lines[-1]


@pytest.mark.usefixtures("guarded")
def test_the_guard_notices_a_batch_that_was_not_placed(config, tmp_path, monkeypatch):
    monkeypatch.setattr(loop.devices, "place_ahead", lambda mesh, batches: batches)
    with pytest.raises(Exception, match="Disallowed host-to-device transfer"):
        run_stage(config, tmp_path)


@pytest.fixture
def after_first_step(monkeypatch):
    """Return a list of functions that run once, when the first step is dispatched."""
    actions = []
    compile_train_step = loop.compile_train_step

    def patched(*arguments):
        step = compile_train_step(*arguments)

        def run(state, batch):
            result = step(state, batch)
            while actions:
                actions.pop()()
            return result

        return run

    monkeypatch.setattr(loop, "compile_train_step", patched)
    return actions


def checkpoint_steps(workdir):
    return sorted(int(x.name) for x in workdir.glob("landmarks/*") if x.name.isdigit())


def test_a_signal_to_stop_saves_the_step_and_ends_the_run(
    config, tmp_path, after_first_step
):
    requests = Requests()
    after_first_step.append(lambda: setattr(requests, "stop", signal.SIGTERM))
    with pytest.raises(Stopped):
        run_stage(config, tmp_path, requests)
    assert checkpoint_steps(tmp_path) == [1]
    run_stage(config, tmp_path)
    assert checkpoint_steps(tmp_path) == [1, 2]


def test_a_signal_to_save_saves_the_step_and_training_continues(
    config, tmp_path, after_first_step
):
    requests = Requests()
    after_first_step.append(lambda: setattr(requests, "save", True))
    run_stage(config, tmp_path, requests)
    assert checkpoint_steps(tmp_path) == [1, 2]
    assert not requests.save


def test_processes_end_a_validation_before_the_same_batch(monkeypatch):
    """They exchange signals at every tenth batch, whichever of them received one."""
    asked = []

    def largest(values):
        asked.append(values)
        return [signal.SIGTERM if len(asked) == 2 else 0, 0]

    monkeypatch.setattr(loop.processes, "alone", lambda: False)
    monkeypatch.setattr(loop.processes, "largest", largest)
    pause = loop.stop_between_batches(Requests())
    for _ in range(10):
        pause()
    assert len(asked) == 1
    with pytest.raises(Stopped):
        pause()


def test_labels_that_never_change_are_a_warning(caplog):
    """Expected: AU 2 active, AU 4 inactive, AU 6 without a label, AU 1 as it should."""
    aus = np.array([[1, 1, 0, 0], [0, 1, 1, 0]], np.float32)
    known = np.array([[1, 1, 1, 0], [1, 1, 0, 0]], bool)
    loop.warn_of_constant_labels((1, 2, 4, 6), aus, known)
    assert [record.getMessage() for record in caplog.records] == [
        "every training label of AU 2 is active; is the table right?",
        "every training label of AU 4 is inactive; is the table right?",
    ]
