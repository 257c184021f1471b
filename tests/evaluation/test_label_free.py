"""Scores without labels. Expected: their formulas, one image at a time, in numpy."""

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import entropy as scipy_entropy

from au_jax.evaluation import label_free
from au_jax.evaluation.metrics import decide


@pytest.fixture(scope="module")
def p():
    return np.random.default_rng(0).random((40, 3)).astype(np.float32)


def test_entropy_and_information(p):
    each = [[scipy_entropy([x, 1 - x]) for x in row] for row in p.astype(float)]
    mean = [scipy_entropy([x, 1 - x]) for x in p.mean(axis=0).astype(float)]
    assert label_free.entropy(p) == pytest.approx(-np.mean(each), rel=1e-5)
    expected = np.mean(mean) - np.mean(each)
    assert label_free.information(p) == pytest.approx(expected, rel=1e-4)


def test_sure_and_different_answers_have_the_greatest_nuclear_norm():
    sure = np.array([[1.0], [0.0]] * 8, np.float32)
    assert label_free.nuclear_norm(sure) == pytest.approx(1)
    same = np.ones((16, 1), np.float32)
    assert label_free.nuclear_norm(same) == pytest.approx(np.sqrt(0.5))
    assert label_free.nuclear_norm(same / 2) == pytest.approx(0.5)


def test_soft_neighbourhood_density(p):
    answers = np.concatenate([p, 1 - p], axis=1).astype(float)
    answers /= np.linalg.norm(answers, axis=1, keepdims=True)
    each = []
    for i, one in enumerate(answers):
        others = np.delete(answers, i, axis=0)
        each.append(scipy_entropy(softmax(others @ one / 0.05)))
    assert label_free.snd(p) == pytest.approx(np.mean(each), rel=1e-6)
    assert label_free.snd(p[:1]) == 0


def test_co_occurrence_compares_correlations(p):
    rng = np.random.default_rng(1)
    aus = (rng.random((50, 3)) < 0.5).astype(np.float32)
    known = rng.random((50, 3)) < 0.8
    differences = []
    for i, j in ((1, 0), (2, 0), (2, 1)):
        both = known[:, i] & known[:, j]
        labels = np.corrcoef(aus[both, i], aus[both, j])[0, 1]
        differences.append(abs(labels - np.corrcoef(p[:, i], p[:, j])[0, 1]))
    actual = label_free.co_occurrence(p, aus, known)
    assert actual == pytest.approx(-np.mean(differences), rel=1e-5)
    # Constant answers have no correlation.
    assert np.isfinite(label_free.co_occurrence(p * 0, aus, known))


def test_all_scores_are_finite_for_extreme_answers():
    aus = np.array([[1, 0], [0, 1]], np.float32)
    for value in (0.0, 0.5, 1.0):
        p = np.full((5, 2), value, np.float32)
        found = label_free.scores(p, aus, aus > -1)
        assert tuple(found) == label_free.NAMES
        assert np.isfinite(list(found.values())).all()


def test_of_many_images_equally_spaced_ones_count(p, monkeypatch):
    monkeypatch.setattr(label_free, "MOST_IMAGES", 15)
    found = label_free.scores(p, p.round(), p > -1)
    assert found["snd"] == label_free.snd(p[::3])


def test_thresholds_match_the_wanted_rates(p):
    rates = np.array([0.0, 0.3, 1.0])
    limits = label_free.matching_thresholds(p, rates)
    found = (p >= np.array(limits, p.dtype)).mean(axis=0)
    np.testing.assert_allclose(found, rates)


@pytest.mark.parametrize(
    ("column", "rate", "active"),
    [
        ([0.5] * 10, 0.2, 0),  # all or none: none is nearer
        ([0.5] * 10, 0.8, 10),
        ([0.0] * 10, 0.8, 10),
        ([1.0] * 10, 0.2, 0),
        ([0, 0, 0, 0, 0, 0, 1, 1, 1, 1], 0.3, 4),
        ([0, 0, 0, 0, 0, 0, 1, 1, 1, 1], 0.1, 0),
    ],
)
def test_equal_answers_stay_together(column, rate, active):
    p = np.array(column, np.float32)[:, None]
    (limit,) = label_free.matching_thresholds(p, np.array([rate]))
    assert decide(p, [limit]).sum() == active
