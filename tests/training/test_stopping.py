"""A run stopped while it validates. Expected: the files of an uninterrupted run."""

import signal
import subprocess
import sys

import pytest

from au_jax.runtime.signals import Requests, Stopped
from au_jax.training import validation
from au_jax.training.run import train
from au_jax.workdir import checkpoints
from au_jax.workdir.checkpoints import Position
from configs import supervised as supervised_config
from tests.programs import ROOT, arrays, metrics
from tests.stages.small import AUS
from tests.synthetic import write_prepared
from tests.trees import assert_trees_equal


def test_a_run_stopped_in_validation_validates_when_it_resumes(tmp_path, monkeypatch):
    for name in ("bp4d", "emotionet"):
        write_prepared(tmp_path / "prepared", name)
    config = supervised_config.get_config("tiny")
    config.data.data_dir = str(tmp_path / "prepared")
    config.max_steps_per_epoch = 2
    config.data.aus = AUS
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    train(config, whole)
    assert checkpoints.position(whole / "supervised") == Position(2, validated=True)

    requests = Requests()

    def interrupted(predictor, variables, split, pause):
        requests.stop = signal.SIGTERM
        pause()

    with monkeypatch.context() as patch:
        patch.setattr(validation, "predict_split", interrupted)
        with pytest.raises(Stopped):
            train(config, stopped, requests)
    assert checkpoints.position(stopped / "supervised") == Position(2, validated=False)

    # Stopped again during the due validation: the checkpoint is unchanged.
    with monkeypatch.context() as patch:
        patch.setattr(validation, "predict_split", interrupted)
        requests.stop = None
        with pytest.raises(Stopped):
            train(config, stopped, requests)
    assert checkpoints.position(stopped / "supervised") == Position(2, validated=False)

    train(config, stopped)
    assert checkpoints.position(stopped / "supervised") == Position(2, validated=True)
    assert metrics(stopped) == metrics(whole)
    assert_trees_equal(*(arrays(run, "supervised", "2") for run in (stopped, whole)))


# Nothing is trained: the signal arrives in the evaluation that follows.
EVALUATING = """
import os, runpy, sys, time
import au_jax.evaluation.run, au_jax.training.run

number, workdir = int(sys.argv[1]), sys.argv[2]
au_jax.training.run.train = lambda *_: None

def evaluate(*_):
    os.kill(os.getpid(), number)
    time.sleep(5)

au_jax.evaluation.run.evaluate = evaluate
sys.argv[1:] = ["--config=joint:tiny", f"--workdir={workdir}"]
sys.argv += ["--config.eval.at_end=test"]
runpy.run_module("au_jax.main", run_name="__main__")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_evaluation_after_training(number, tmp_path):
    command = [sys.executable, "-c", EVALUATING, str(int(number)), str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == -number
    assert "checkpoint" not in done.stderr
