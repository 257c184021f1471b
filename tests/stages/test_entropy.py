"""Information maximisation. Expected: the entropies of SciPy."""

from typing import Any

import jax
import numpy as np
import scipy.special
import scipy.stats

from au_jax.stages import adaptation
from au_jax.stages.adaptation import Outputs
from au_jax.stages.entropy import entropy, make_train_step, negative_diversity
from tests.stages.small import AU_WEIGHT, NUM_STEPS, small_config

LOGITS = np.random.default_rng(0).normal(scale=3, size=(9, 4)).astype(np.float32)


def binary(p: np.ndarray) -> np.ndarray:
    return np.asarray(scipy.stats.entropy(np.stack([p, 1 - p]), axis=0))


def test_the_formulas():
    p = scipy.special.expit(LOGITS)
    np.testing.assert_allclose(entropy(LOGITS), binary(p).mean(), rtol=1e-5)
    expected = -binary(p.mean(axis=0)).mean()
    np.testing.assert_allclose(negative_diversity(LOGITS), expected, rtol=1e-5)


def test_certain_answers_have_no_entropy_and_finite_gradients():
    sure = np.array([[200.0, -200.0]] * 3, np.float32)
    np.testing.assert_allclose(entropy(sure), 0, atol=1e-6)
    np.testing.assert_allclose(negative_diversity(sure), 0, atol=1e-4)
    for loss in (entropy, negative_diversity):
        assert np.isfinite(jax.grad(loss)(sure)).all()


def test_halves_are_most_diverse():
    half = np.array([[200.0], [-200.0]], np.float32)
    np.testing.assert_allclose(negative_diversity(half), -np.log(2), rtol=1e-5)


def test_the_stage_sees_the_answers_for_the_target_alone(monkeypatch):
    """The source has labels instead; see `au` of adaptation.py."""
    monkeypatch.setattr(adaptation, "make_train_step", lambda *args: args[4])
    terms: Any = make_train_step(small_config(), {}, AU_WEIGHT, NUM_STEPS)
    logits = np.stack([LOGITS, LOGITS[::-1] / 2])
    features = np.zeros((2, len(LOGITS), 1, 1, 1), np.float32)
    found = terms({}, Outputs(features, logits, np.zeros((), np.float32)))
    assert found == {
        "entropy": entropy(logits[1]),
        "negative_diversity": negative_diversity(logits[1]),
    }
