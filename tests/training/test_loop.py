"""The real loop under a transfer guard. Expected: what JAX itself reports."""

import jax
import pytest

from au_jax.runtime.signals import Requests
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


def run_stage(config, workdir):
    data = open_data(config)
    plan = make_plan("landmarks", config, data.train, workdir)
    loop.run_stage(plan, data.val, workdir, Requests())


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
def test_steps_logs_validation_and_checkpoints_transfer_nothing_in_secret(
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
