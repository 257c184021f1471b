"""The model that answers for the target. Expected: the arguments, and `best_stage`."""

import types

import pytest

from au_jax.errors import UserError
from au_jax.evaluation import target_model
from au_jax.evaluation.inference import LoadedModel, Predictor
from au_jax.evaluation.target_model import load_target_model
from au_jax.runtime import devices
from au_jax.types import Prediction, Variables
from configs import joint


@pytest.fixture
def chosen(monkeypatch):
    """Let the run's best stage be a choice; return it, and what was loaded."""
    choice = types.SimpleNamespace(stage="joint", loaded=[])

    def load_best(workdir, config, stage, rule):
        choice.loaded.append((stage, rule))
        predictor = Predictor(
            lambda *_: Prediction({}, None), devices.make_mesh(), 128, 8
        )
        return LoadedModel(stage, 3, Variables({}, {}), predictor)

    for name, value in {
        "read_config": lambda workdir: joint.get_config("tiny"),
        "best_stage": lambda config, workdir, rule: choice.stage,
        "load_best": load_best,
    }.items():
        monkeypatch.setattr(target_model, name, value)
    return choice


def test_it_is_tested_on_the_set_that_is_asked_for(chosen, tmp_path):
    found = load_target_model(tmp_path, "elsewhere", "photos")
    assert chosen.loaded == [("joint", "target")]
    assert found.path == "reconstructed"  # the config's choice for stage 2
    with pytest.raises(UserError, match="no data set 'photos' in"):
        found.open("test")
    data = load_target_model(tmp_path).config.data
    assert (data.data_dir, data.target) == ("prepared", "emotionet")


@pytest.mark.parametrize("stage", ["landmarks", "clp", "drit"])
def test_a_run_that_detects_no_aus_is_one_line(chosen, tmp_path, stage):
    chosen.stage = stage
    with pytest.raises(UserError, match=f"trained only {stage}, which detects no AUs"):
        load_target_model(tmp_path)
    assert not chosen.loaded
