"""Expected: F1 by scikit-learn over every possible threshold."""

import dataclasses
import io

import numpy as np
import pytest
from rich.console import Console
from sklearn.metrics import f1_score

from au_jax.errors import UserError
from au_jax.evaluation.calibration import best_threshold, f1_table
from au_jax.evaluation.inference import SplitPredictions
from au_jax.evaluation.label_free import matching_thresholds
from au_jax.evaluation.metrics import decide
from au_jax.workdir import thresholds
from au_jax.workdir.thresholds import NEVER, Thresholds


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
    assert best_threshold(values, active, 0.4) == NEVER


def test_answers_of_exactly_1_keep_the_limit_on_false_alarms(tmp_path):
    """A sigmoid in float32 is 1 from 17 on."""
    values = np.array([0.2, 1, 1, 1], np.float32)
    active = np.array([False, False, True, True])
    chosen = best_threshold(values, active, 0.4)
    assert not decide(values, [chosen] * 4).any()
    stored = Thresholds("val", "joint", 2, "direct", (chosen, 1.0))
    thresholds.write(tmp_path, stored, (1, 2))
    read = thresholds.read(tmp_path, (1, 2))
    assert read is not None
    assert read == stored
    assert not decide(values, [read.values[0]] * 4).any()
    for wrong in (np.nextafter(NEVER, 2), 1.5):
        changed = dataclasses.replace(stored, values=(float(wrong), 1.0))
        thresholds.write(tmp_path, changed, (1, 2))
        with pytest.raises(UserError, match="damaged"):
            thresholds.read(tmp_path, (1, 2))
    table = Console(width=200, record=True, file=io.StringIO())
    found = SplitPredictions(
        {"direct": np.stack([values] * 2, axis=1)},
        np.stack([active] * 2, axis=1).astype(np.float32),
        np.ones((4, 2), bool),
        None,
    )
    table.print(f1_table((1, 2), stored, found, "F1"))
    assert "never" in table.export_text()


@pytest.mark.parametrize("below", [0.3, 0.3000001, 0.9999999, 0.99999994, 0.0])
def test_neighbours_in_float32_stay_apart(below):
    """Their middle would be rounded to the one whose last bit is 0."""
    below = np.float32(below)
    values = np.array([below, np.nextafter(below, np.float32(2))])
    active = np.array([False, True])
    chosen = best_threshold(values, active)
    np.testing.assert_array_equal(decide(values, [chosen] * 2), active)
    (chosen,) = matching_thresholds(values[:, None], np.array([0.5]))
    np.testing.assert_array_equal(decide(values, [chosen] * 2), active)


def test_nothing_active():
    assert best_threshold(np.ones(3, np.float32), np.zeros(3, bool)) == 0.5
