"""Scores on degraded images. Expected: scikit-learn, and the changes themselves."""

import dataclasses
import json

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from au_jax.data import pipeline, transforms
from au_jax.data.degradation import add_noise, relight
from au_jax.data.split import open_split
from au_jax.evaluation import degraded
from au_jax.evaluation.inference import Predictor, SplitPredictions, predict_split
from au_jax.runtime import devices
from au_jax.types import Prediction, Variables
from tests.synthetic import write_prepared
from tests.target_models import Answers, load_answers

AUS = (1, 12)
RANDOM = np.random.default_rng(0)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("prepared"))
    write_prepared(folder, "wild", {"test": 10}, AUS)
    return open_split(folder, "wild", "test", AUS)


def brightness(variables, image, landmarks):
    """Answer how bright an image is."""
    mean = image.astype(np.float32).mean(axis=(1, 2, 3)) / 255
    return Prediction({"direct": jnp.stack([mean, mean], axis=1)}, None)


def test_a_model_sees_the_changed_crops(data):
    predictor = Predictor(brightness, devices.make_mesh(), 128, 4)
    found = predict_split(
        predictor,
        Variables({}, {}),
        data,
        change=lambda image, rng: relight(image, 2.0),
    )
    for face, p in zip(data, found.probabilities["direct"], strict=True):
        crop = transforms.centre(face, 128)["image"]
        np.testing.assert_allclose(p, relight(crop, 2.0).mean() / 255, rtol=1e-4)


def test_noise_is_of_each_image_and_repeats(data):
    noisy = lambda image, rng: add_noise(np.full_like(image, 128), rng, 9.0)
    one, two = (
        np.concatenate(
            [
                batch["image"]
                for batch in pipeline.make_eval(
                    data, crop=128, batch_size=5, change=noisy
                )
            ]
        )
        for _ in range(2)
    )
    np.testing.assert_array_equal(one, two)
    assert len({image.tobytes() for image in one}) == len(data)


@dataclasses.dataclass(frozen=True)
class Sensitive(Answers):
    """A model that knows the AUs of good images, and nothing of others."""

    def predict(self, data, change=None):
        if change is None:
            return self.found
        guesses = RANDOM.random(self.found.aus.shape).astype(np.float32)
        return dataclasses.replace(self.found, probabilities={"direct": guesses})


def test_the_table_has_the_auc_after_each_change(data, tmp_path, monkeypatch, capsys):
    aus = (RANDOM.random((40, 2)) < 0.5).astype(np.float32)
    p = (aus * 0.5 + 0.7 * RANDOM.random((40, 2))).clip(0, 1).astype(np.float32)
    answers = SplitPredictions({"direct": p}, aus, np.ones((40, 2), bool), None)
    model = load_answers(data, answers)(tmp_path, on="wild")
    sensitive = Sensitive(*(getattr(model, f.name) for f in dataclasses.fields(model)))
    monkeypatch.setattr(degraded, "load_target_model", lambda *_: sensitive)
    found = degraded.evaluate(tmp_path, "test", on="wild")
    assert list(found) == list(degraded.CHANGES)
    expected = [roc_auc_score(aus[:, a], p[:, a]) for a in range(2)]
    np.testing.assert_allclose(found["as they are"], expected)
    assert all(auc.mean() < 0.75 for auc in list(found.values())[1:])
    report = json.loads((tmp_path / "eval-degraded-wild.json").read_text())
    assert [row[0] for row in report["table"][1:]] == list(found)
    first = [f"{100 * x:.1f}" for x in (*expected, np.mean(expected))]
    assert report["table"][1][1:] == first
    assert "| gamma 2 |" in (tmp_path / "eval-degraded-wild.md").read_text()
    assert "gamma 2" in capsys.readouterr().out
