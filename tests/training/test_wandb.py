"""wandb receives every line once. Expected: the calls that a substitute records.

From wandb's documentation: `init` with an id and `resume="allow"` continues that run;
`run.step` is the next step; each `log` is one step.
"""

import sys

import pytest

from au_jax.errors import UserError
from au_jax.training import wandb
from au_jax.training.run import train
from au_jax.workdir import metrics_log
from au_jax.workdir.checkpoints import Position
from au_jax.workdir.metrics_log import MetricsLog, read_metrics
from configs import supervised as supervised_config
from tests.stages.small import AUS
from tests.synthetic import write_prepared


class Wandb:
    """A server and its client, which keep runs by id."""

    class Error(Exception):
        pass

    def __init__(self):
        self.runs = {}

    def init(self, *, project, id, name, dir, config, resume):
        assert resume == "allow"
        if project == "refused":
            raise Wandb.Error("api_key not configured\n(no-tty)")
        return self.runs.setdefault(id, Run(project, name, config))


class Run:
    def __init__(self, project, name, config):
        self.project, self.name, self.config = project, name, config
        self.history, self.finished, self.step = [], 0, 0

    def log(self, values, step):
        assert step >= self.step  # wandb drops older steps, with a warning
        self.history.append(values)
        self.step = step + 1

    def finish(self):
        self.finished += 1


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    for name in ("bp4d", "emotionet"):
        write_prepared(folder, name)
    config = supervised_config.get_config("tiny")
    config.data.data_dir = str(folder)
    config.max_steps_per_epoch = 2
    config.data.aus = AUS
    config.wandb = "aus"
    return config


def test_a_training_sends_every_line_once(config, tmp_path, monkeypatch):
    server = Wandb()
    monkeypatch.setattr(wandb, "load", lambda: server)
    for _ in range(2):  # the second one finds everything done
        train(config, tmp_path / "floor")
    (run,) = server.runs.values()
    assert (run.project, run.name, run.finished) == ("aus", "floor", 2)
    assert run.config["data"]["crop"] == config.data.crop
    lines = list(read_metrics(tmp_path / "floor"))
    assert [values["supervised/step"] for values in run.history] == [2, 2]
    assert [values.get("supervised/total") for values in run.history] == [
        line.get("total") for line in lines
    ]


def test_lines_written_again_after_a_kill_are_not_sent_again(tmp_path):
    run = Run("aus", "joint", {})
    for steps in ((1, 2, 3, 4), (3, 4, 5)):
        metrics = MetricsLog(tmp_path, "joint", run)
        for step in steps:
            metrics.write(step, {"total": 1.0 / step})
        metrics.close()
        # Killed: the training resumes from a checkpoint at step 2.
        metrics_log.cut_back(tmp_path, {"joint": Position(2, validated=True)})
    assert [values["joint/step"] for values in run.history] == [1, 2, 3, 4, 5]


def test_a_refusal_is_one_line(config, tmp_path):
    config = config.copy_and_resolve_references()
    config.wandb = "refused"
    with (
        pytest.raises(UserError, match=r"wandb=refused: api_key .* \(no-tty\)$"),
        wandb.opened(config, tmp_path, Wandb()),
    ):
        pass


def test_an_absent_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)  # makes an import fail
    with pytest.raises(UserError, match="pip install wandb"):
        wandb.load()
