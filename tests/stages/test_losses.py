"""Expected: the formulas of method.md section 4, written out in numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from au_jax.stages import losses
from au_jax.stages.folding import unfold

RNG = np.random.default_rng(0)


def test_au_weights_are_inverse_rates_with_mean_one():
    aus = np.array([[1, 0, 1], [0, 0, 1], [0, 1, 1], [0, 0, 1]], np.float32)
    known = np.array([[1, 1, 1], [1, 1, 1], [1, 1, 0], [1, 0, 0]], bool)
    rates = np.array([1 / 4, 1 / 3, 2 / 2])
    expected = 1 / rates / (1 / rates).sum() * 3
    np.testing.assert_allclose(losses.au_weights(aus, known), expected, rtol=1e-6)


def test_au_without_positive_has_the_weight_of_the_rarest():
    aus = np.array([[1, 0, 1], [0, 0, 1], [0, 0, 1]], np.float32)
    weights = losses.au_weights(aus, np.ones((3, 3), bool))
    assert weights[1] == weights[0] > weights[2]
    np.testing.assert_allclose(weights.sum(), 3, rtol=1e-6)


def test_au_weights_without_any_positive_are_one():
    weights = losses.au_weights(np.zeros((4, 2), np.float32), np.ones((4, 2), bool))
    np.testing.assert_array_equal(weights, [1, 1])


def test_au_is_the_weighted_mean_over_known_labels():
    logits = RNG.normal(size=(5, 3)).astype(np.float32)
    aus = (RNG.random((5, 3)) < 0.5).astype(np.float32)
    known = RNG.random((5, 3)) < 0.7
    weight = np.array([0.5, 1.0, 1.5], np.float32)
    p = 1 / (1 + np.exp(-logits))
    bce = -(aus * np.log(p) + (1 - aus) * np.log(1 - p)) * weight
    actual = jax.jit(losses.au)(logits, aus, known, weight)
    np.testing.assert_allclose(actual, bce[known].mean(), rtol=1e-5)


def test_unknown_labels_are_ignored():
    logits = RNG.normal(size=(4, 2)).astype(np.float32)
    aus = np.ones((4, 2), np.float32)
    known = np.array([[1, 0]] * 4, bool)
    gradient = jax.grad(losses.au)(logits, aus, known, np.ones(2, np.float32))
    assert np.all(gradient[:, 1] == 0)
    assert np.all(gradient[:, 0] != 0)
    nothing = losses.au(logits, aus, np.zeros_like(known), np.ones(2, np.float32))
    assert nothing == 0
    one = np.eye(4, 2, dtype=bool) & [True, False]
    value = losses.au(logits, aus, one, np.ones(2, np.float32))
    expected = np.logaddexp(0, logits[0, 0]) - aus[0, 0] * logits[0, 0]
    assert value == pytest.approx(expected, rel=1e-6)


def test_landmark_is_softmax_cross_entropy_over_cells():
    logits = RNG.normal(size=(2, 4, 4, 3)).astype(np.float32)
    cells = RNG.integers(0, 16, (2, 3))
    total = 0.0
    for b in range(2):
        for k in range(3):
            flat = logits[b, :, :, k].reshape(-1).astype(np.float64)
            y, x = divmod(cells[b, k], 4)
            total += np.log(np.exp(flat).sum()) - logits[b, y, x, k]
    actual = jax.jit(losses.landmark)(logits, cells)
    np.testing.assert_allclose(actual, total / 6, rtol=1e-5)


def test_landmark_discriminator_compares_with_the_one_hot_map():
    maps = RNG.normal(size=(2, 4, 4, 3)).astype(np.float32)
    cells = RNG.integers(0, 16, (2, 3))
    expected = np.zeros((2, 4, 4, 3))
    for b in range(2):
        for k in range(3):
            y, x = divmod(cells[b, k], 4)
            expected[b, y, x, k] = 1
    actual = jax.jit(losses.landmark_discriminator)(maps, cells)
    np.testing.assert_allclose(actual, ((maps - expected) ** 2).mean(), rtol=1e-5)
    actual = jax.jit(losses.landmark_adversarial)(maps)
    np.testing.assert_allclose(actual, ((maps - 1 / 16) ** 2).mean(), rtol=1e-5)


def test_least_squares_and_l1_are_means_over_all_elements():
    """Targets and supervisors are not zero, so that signs count."""
    scores = RNG.normal(size=(2, 3, 4)).astype(np.float32)
    expected = ((scores - 1) ** 2).mean()
    np.testing.assert_allclose(losses.least_squares(scores, 1.0), expected, rtol=1e-6)
    x, y = RNG.normal(size=(2, 2, 3, 3, 5)).astype(np.float32)
    np.testing.assert_allclose(losses.l1(x, y), np.abs(x - y).mean(), rtol=1e-6)


def test_many_maps_are_averaged_as_exactly_as_few():
    """As many as in a joint step with 16 images per domain."""
    folded = RNG.normal(size=(32, 44, 44, 49)).astype(np.float32)
    exact = folded.astype(np.float64)
    actual = jax.jit(lambda x: losses.landmark_adversarial(unfold(x)))(folded)
    expected = ((exact - 1 / 44**2) ** 2).mean()
    np.testing.assert_allclose(actual, expected, rtol=2e-6)
    actual = jax.jit(lambda x: losses.l1(unfold(x), 0 * unfold(x)))(folded)
    np.testing.assert_allclose(actual, np.abs(exact).mean(), rtol=2e-6)


def test_landmark_regression_is_scale_free():
    true = RNG.uniform(0, 1, (3, 49, 2)).astype(np.float32)
    actual = true + RNG.normal(0, 0.1, true.shape).astype(np.float32)
    left, right = true[:, 19:25].mean(axis=1), true[:, 25:31].mean(axis=1)
    d2 = ((left - right) ** 2).sum(axis=-1)
    expected = (((actual - true) ** 2).sum(axis=(1, 2)) / (2 * d2)).mean()
    np.testing.assert_allclose(
        jax.jit(losses.landmark_regression)(actual, true), expected, rtol=1e-5
    )
    np.testing.assert_allclose(
        losses.landmark_regression(176 * actual, 176 * true), expected, rtol=1e-4
    )


def test_bfloat16_inputs_are_averaged_in_float32():
    x = np.full((2, 5, 5, 20), 1.0, np.float32)
    assert losses.l1(jax.numpy.asarray(x, "bfloat16"), 0 * x).dtype == np.float32


def test_total_requires_a_weight_for_every_term():
    terms: losses.Terms = {"au": jnp.array(2.0), "landmark": jnp.array(3.0)}
    assert losses.total(terms, {"au": 1.0, "landmark": 0.5}) == 3.5
    with pytest.raises(ValueError, match="landmark"):
        losses.total(terms, {"au": 1.0})
