"""The model that answers for the target. Expected: the arguments, and `best_stage`."""

import shutil
import types

import pytest

from au_jax.data.split import open_split
from au_jax.errors import UserError
from au_jax.evaluation import target_model
from au_jax.evaluation.inference import LoadedModel, Predictor
from au_jax.evaluation.target_model import load_target_model, overlap
from au_jax.runtime import devices
from au_jax.types import Prediction, Variables
from configs import joint
from tests.synthetic import write_prepared


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


def test_what_is_chosen_on_is_not_what_is_evaluated(chosen, tmp_path):
    write_prepared(str(tmp_path), "photos", {"val": 4, "test": 4}, (1,))
    model = load_target_model(tmp_path, str(tmp_path), "photos")
    choosing, data = model.open_apart("val", "test[:50%]")
    assert (choosing.parts[0].split, len(data)) == ("val", 2)
    with pytest.raises(UserError, match="flatter the model: give another --split"):
        model.open_apart("test", "test[:50%]")


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("val", "val", True),
        ("val", "train", False),
        ("val", "val[:50%]", True),
        ("val[:50%]", "val[50%:]", False),
        ("val[:6]", "val[5:]", True),
        ("train+val[:3]", "val[2:4]", True),
        ("train+val[:3]", "val[3:]", False),
    ],
)
def test_splits_overlap_where_an_example_is_in_both(tmp_path, a, b, expected):
    """Expected: TFDS's own answer, by the paths of the examples."""
    write_prepared(str(tmp_path), "lab", {"train": 6, "val": 10}, (1,))
    splits = [open_split(tmp_path, "lab", name, (1,)) for name in (a, b)]
    paths = [{s.path(i) for i in range(len(s))} for s in splits]
    assert bool(paths[0] & paths[1]) == expected
    assert overlap(*splits) == overlap(*reversed(splits)) == expected
    shutil.copytree(tmp_path / "lab", tmp_path / "again")
    elsewhere = open_split(tmp_path, "again", b, (1,))
    assert not overlap(splits[0], elsewhere)


@pytest.mark.parametrize("stage", ["landmarks", "clp", "drit"])
def test_a_run_that_detects_no_aus_is_one_line(chosen, tmp_path, stage):
    chosen.stage = stage
    with pytest.raises(UserError, match=f"trained only {stage}, which detects no AUs"):
        load_target_model(tmp_path)
    assert not chosen.loaded
