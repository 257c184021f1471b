"""Expected: scikit-learn, the definitions written out, and counts made by hand."""

import numpy as np
import pytest
from sklearn import metrics as sklearn

from au_jax.evaluation import metrics
from tests.synthetic import face_points

NAN = float("nan")


def drawn(n: int = 60, unknown: float = 0.2) -> tuple[np.ndarray, ...]:
    """Return probabilities (with ties), labels and which are known, for three AUs."""
    rng = np.random.default_rng(0)
    probabilities = np.round(rng.random((n, 3)), 1)
    aus = (rng.random((n, 3)) < 0.2 + 0.6 * probabilities).astype(np.float32)
    return probabilities, aus, rng.random((n, 3)) >= unknown


def test_a_probability_at_the_threshold_is_active():
    probabilities = np.array([[0.5, 0.4], [0.499, 0.5]], np.float32)
    assert metrics.decide(probabilities, 0.5).tolist() == [[True, False], [False, True]]
    thresholds = np.array([0.6, 0.4], np.float32)
    decisions = metrics.decide(probabilities, thresholds)
    assert decisions.tolist() == [[False, True], [False, True]]
    assert decisions.dtype == bool


def test_counts_by_hand():
    """Of six images: 2 hits, 1 miss, 1 false alarm, 1 correct rejection, 1 unknown."""
    probabilities = np.array([[0.9], [0.6], [0.2], [0.7], [0.1], [0.9]])
    aus = np.array([[1.0], [1.0], [1.0], [0.0], [0.0], [0.0]])
    known = np.array([[True], [True], [True], [True], [True], [False]])
    actual = metrics.score(probabilities, aus, known)
    assert (actual.images.tolist(), actual.positives.tolist()) == ([5], [3])
    assert actual.f1[0] == pytest.approx(2 * 2 / (2 * 2 + 1 + 1))
    assert actual.accuracy[0] == pytest.approx(3 / 5)
    # Of the 3 x 2 pairs of a positive and a negative, .9 and .2 > .1, ... : 4 of 6.
    assert actual.auc[0] == pytest.approx(4 / 6)
    # Precision at each positive, from the top: 1/1, 2/3, 3/4, each a third of recall.
    assert actual.average_precision[0] == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)


def test_f1_and_accuracy_are_those_of_scikit_learn():
    probabilities, aus, known = drawn()
    probabilities[:, 2] = aus[:, 2] = 0  # an AU without positives and predictions
    actual = metrics.score(probabilities, aus, known)
    for a in range(3):
        p, y = probabilities[known[:, a], a] >= 0.5, aus[known[:, a], a] == 1
        f1 = sklearn.f1_score(y, p, zero_division=0)  # pyright: ignore[reportArgumentType]
        assert actual.f1[a] == pytest.approx(f1)
        assert actual.accuracy[a] == pytest.approx(sklearn.accuracy_score(y, p))


def test_thresholds_of_each_au():
    probabilities, aus, known = drawn()
    limits = (0.2, 0.5, 0.8)[: aus.shape[1]]
    scores = metrics.score(probabilities, aus, known, limits)
    for a, limit in enumerate(limits):
        true = aus[known[:, a], a] > 0
        actual = probabilities[known[:, a], a] >= limit
        assert scores.f1[a] == pytest.approx(sklearn.f1_score(true, actual))
        assert scores.accuracy[a] == pytest.approx((true == actual).mean())


def test_auc_is_the_share_of_pairs_in_order():
    """Its definition: positives above negatives, ties count half."""
    probabilities, aus, known = drawn()
    for a, auc in enumerate(metrics.score(probabilities, aus, known).auc):
        p, y = probabilities[known[:, a], a], aus[known[:, a], a] == 1
        difference = p[y][:, None] - p[~y][None]
        share = (difference > 0).mean() + 0.5 * (difference == 0).mean()
        assert auc == pytest.approx(share)


def test_average_precision_is_the_area_under_the_steps():
    """Sum over thresholds of (recall step) * precision, ties taken together."""
    probabilities, aus, known = drawn()
    actual = metrics.score(probabilities, aus, known).average_precision
    for a, average_precision in enumerate(actual):
        p, y = probabilities[known[:, a], a], aus[known[:, a], a] == 1
        area, recall = 0.0, 0.0
        for threshold in sorted(set(p), reverse=True):
            taken = p >= threshold
            reached = (taken & y).sum() / y.sum()
            area += (reached - recall) * (taken & y).sum() / taken.sum()
            recall = reached
        assert average_precision == pytest.approx(area)


def test_what_is_not_known_does_not_count():
    probabilities, aus, known = drawn()
    first = metrics.score(probabilities, aus, known)
    changed = np.where(known, aus, 1 - aus)
    second = metrics.score(np.where(known, probabilities, 0.99), changed, known)
    for name in ("f1", "accuracy", "average_precision", "auc", "images", "positives"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_values_that_do_not_exist():
    """AUs: no positives, no labels known, only positives."""
    aus = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    known = np.array([[True, False, True], [True, False, True]])
    actual = metrics.score(np.array([[0.1, 0.9, 0.9], [0.2, 0.9, 0.4]]), aus, known)
    np.testing.assert_array_equal(actual.f1, [0, NAN, 2 / 3])
    np.testing.assert_array_equal(actual.accuracy, [1, NAN, 0.5])
    np.testing.assert_array_equal(actual.average_precision, [NAN] * 3)
    np.testing.assert_array_equal(actual.auc, [NAN] * 3)
    assert actual.mean("f1") == pytest.approx(1 / 3)
    assert np.isnan(actual.mean("auc"))


def test_always_active():
    """Recall is 1 and precision the share of positives r, so F1 = 2 r / (1 + r)."""
    _, aus, known = drawn()
    actual = metrics.always_active(aus, known)
    rate = actual.positives / actual.images
    np.testing.assert_allclose(actual.f1, 2 * rate / (1 + rate))
    np.testing.assert_allclose(actual.accuracy, rate)
    np.testing.assert_allclose(actual.average_precision, rate)
    np.testing.assert_allclose(actual.auc, 0.5)


def test_the_share_of_active_labels():
    """Unknown labels do not count: 2 of 3, and 0 of none."""
    aus = np.array([[1, 1], [1, 0], [0, 1], [1, 1]], np.float32)
    known = np.array([[1, 0], [1, 0], [1, 0], [0, 0]], bool)
    assert metrics.active_rates(aus, known) == pytest.approx([2 / 3, 0])


def test_intensities_lie_on_the_curve_of_each_au():
    """Between knots the curve is straight; an AU without a curve has none."""
    p = np.array([[0.25, 0.5, 0.9], [0.75, 0.1, 0.2]])
    curves = [[0.0, 1.0, 5.0], None, [2.0, 2.0, 4.0]]
    actual = metrics.intensities(p, [0.0, 0.5, 1.0], curves)
    expected = np.array([[0.5, NAN, 3.6], [3.0, NAN, 2.0]])
    np.testing.assert_allclose(actual, expected)


def test_landmark_errors():
    """Every point 3 right and 4 down: 5 pixels, in percent of the eye distance."""
    true = np.stack([face_points(np.random.default_rng(i)) for i in range(3)])
    eyes = true[:, 25:31].mean(axis=1) - true[:, 19:25].mean(axis=1)
    expected = 100 * 5 / np.hypot(*eyes.T)
    actual = true + np.array([3, 4])
    np.testing.assert_allclose(metrics.landmark_errors(actual, true), expected)
    # The unit of length does not matter.
    scaled = metrics.landmark_errors(actual / 176, true / 176)
    np.testing.assert_allclose(scaled, expected)
