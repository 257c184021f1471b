"""Expected: a folder without a validated checkpoint is named, and left as it was."""

import jax
import numpy as np
import pytest

from au_jax.data.split import FaceSplit, labels, open_split
from au_jax.errors import UserError
from au_jax.evaluation.inference import (
    Predictor,
    load_best,
    make_predictor,
    predict_split,
)
from au_jax.runtime.devices import make_mesh
from au_jax.types import Prediction, Variables
from configs import supervised as supervised_config
from tests.synthetic import write_prepared


def test_batches_are_a_multiple_of_the_devices():
    """A run of one device, whose batches of 5 two devices do not divide."""
    config = supervised_config.get_config("tiny")
    config.eval.batch_size = 5
    mesh = make_mesh()
    assert mesh.size == 2
    assert make_predictor("supervised", config, mesh).batch_size == 6


def test_a_model_without_answers_reads_no_picture(tmp_path, monkeypatch):
    write_prepared(tmp_path, "bp4d")
    split = open_split(tmp_path, "bp4d", "val", (1, 12))
    predictor = Predictor(jax.jit(lambda *_: Prediction({}, None)), make_mesh(), 128, 4)
    monkeypatch.setattr(FaceSplit, "__getitem__", None)
    found = predict_split(predictor, Variables({}, {}), split)
    assert (found.probabilities, found.landmark_errors) == ({}, None)
    np.testing.assert_array_equal(found.aus, labels(split)[0])


@pytest.mark.parametrize("folder", ["absent", "empty", "other"])
def test_a_wrong_folder_is_one_line_and_stays_as_it_was(tmp_path, folder):
    (tmp_path / "empty" / "supervised").mkdir(parents=True)
    (tmp_path / "other" / "supervised").mkdir(parents=True)
    (tmp_path / "other" / "supervised" / "notes.txt").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    config = supervised_config.get_config("tiny")
    with pytest.raises(UserError, match=f"{folder}/supervised holds no validated"):
        load_best(tmp_path / folder, config, "supervised", "target")
    assert sorted(tmp_path.rglob("*")) == before
