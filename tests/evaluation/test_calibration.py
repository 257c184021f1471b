"""Expected: F1 by scikit-learn over every possible threshold."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from au_jax.evaluation.calibration import best_threshold


@pytest.mark.parametrize("seed", range(5))
def test_no_threshold_is_better(seed):
    rng = np.random.default_rng(seed)
    active = rng.random(60) < 0.3
    values = np.round(rng.random(60) * 0.6 + 0.3 * active, 2).astype(np.float32)
    actual = f1_score(active, values >= best_threshold(values, active))
    every = [f1_score(active, values >= t) for t in np.linspace(0, 1, 1001)]
    assert actual == pytest.approx(max(every))


@pytest.mark.parametrize("limit", [0.0, 0.05, 0.2])
def test_no_threshold_with_as_few_false_alarms_is_better(limit):
    rng = np.random.default_rng(0)
    active = rng.random(200) < 0.3
    values = np.round(rng.random(200) * 0.6 + 0.3 * active, 2).astype(np.float32)
    chosen = best_threshold(values, active, limit)
    assert (values[~active] >= chosen).mean() <= limit
    every = [
        f1_score(active, values >= t)
        for t in np.linspace(0, 1, 1001)
        if (values[~active] >= t).mean() <= limit
    ]
    assert f1_score(active, values >= chosen) == pytest.approx(max(every))


def test_where_every_threshold_is_wrong_too_often_none_is_reached():
    values, active = np.array([0.2, 0.9, 0.9]), np.array([False, False, True])
    assert best_threshold(values, active, 0.4) == 1.0


def test_nothing_active():
    assert best_threshold(np.ones(3, np.float32), np.zeros(3, bool)) == 0.5
