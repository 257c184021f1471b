"""Every stage in a run. Expected: an exact resume, an evaluation and a model file."""

import functools
import signal

import numpy as np
import pytest

from au_jax.evaluation.run import evaluate_run
from au_jax.model_file import file as model_file
from au_jax.model_file import from_run
from au_jax.prediction.detector import Detector
from au_jax.runtime.signals import Requests, Stopped
from au_jax.stages import STAGES, WITHOUT_AUS, predecessor
from au_jax.training import validation
from au_jax.training.run import train
from au_jax.workdir.best_networks import best_networks
from configs import joint as joint_config
from tests.prediction.models import crops_of
from tests.stages.small import AUS
from tests.synthetic import write_prepared
from tests.trees import assert_trees_equal

CONTINUING = (
    *("finetune", "adda", "adabn", "mean_teacher", "linear_probe", "self_training"),
)
TRAINED = [stage for stage in STAGES if stage != "landmarks"]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    write_prepared(folder, "bp4d")
    write_prepared(folder, "emotionet", labelled_train=False)
    return str(folder)


def short(data_dir, *stages):
    config = joint_config.get_config("tiny")
    config.data.data_dir = data_dir
    config.data.aus = AUS
    config.max_steps_per_epoch = 2
    config.stages = stages
    return config


@pytest.fixture(scope="module")
def origin(data_dir, tmp_path_factory):
    """Return a function that trains a stage once and returns its run."""

    @functools.cache
    def trained(stage):
        workdir = tmp_path_factory.mktemp(stage)
        train(short(data_dir, stage), workdir)
        return str(workdir)

    return trained


@pytest.mark.slow
@pytest.mark.parametrize("stage", TRAINED)
def test_it_resumes_is_evaluated_and_exported(
    data_dir, origin, tmp_path, stage, monkeypatch
):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    config = short(data_dir, stage)
    if stage in CONTINUING:
        config.init_from = origin(predecessor(stage, config))
    config[stage].epochs = 2
    requests = Requests()

    def interrupted(predictor, variables, split, pause):
        requests.stop = signal.SIGTERM
        pause()

    with monkeypatch.context() as patch:
        patch.setattr(validation, "predict_split", interrupted)
        with pytest.raises(Stopped):
            train(config, stopped, requests)
    for workdir in (stopped, whole):
        train(config, workdir)
    pair = (best_networks(stage, "source", config, run) for run in (stopped, whole))
    assert_trees_equal(*pair)
    if stage in WITHOUT_AUS:
        return

    models = evaluate_run(config, whole, "test").models
    stages = {model.domain: model.stage for model in models}
    assert stages == {"source": stage, "target": stage}
    model_file.save(tmp_path / "model.aujax", from_run.load(whole, "target"))
    model = model_file.load(tmp_path / "model.aujax")
    detector = Detector(model)
    crop = detector.model.card["networks"]["data"]["crop"]
    grey = np.full((crop, crop, 3), 128, np.uint8)
    answers = detector.probabilities(crops_of([grey] * 3))
    assert answers.shape == (3, len(AUS))
    assert ((answers > 0) & (answers < 1)).all()
