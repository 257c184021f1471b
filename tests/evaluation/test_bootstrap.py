"""Scores of resamples. Expected: scikit-learn's, image by image as often as drawn."""

from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as sk

from au_jax.data.split import FaceSplit, Records
from au_jax.evaluation import bootstrap


@pytest.fixture(scope="module")
def answers():
    rng = np.random.default_rng(0)
    n = 60
    aus = (rng.random((n, 2)) < 0.4).astype(np.float32)
    # Two decimals make ties.
    p = np.round(0.5 * aus * rng.random((n, 2)) + 0.5 * rng.random((n, 2)), 2)
    known = rng.random((n, 2)) < 0.9
    person = np.repeat(np.arange(12), 5)
    return p.astype(np.float32), aus, known, person


def test_each_resample_scores_as_the_images_that_it_drew(answers):
    p, aus, known, person = answers
    weights = bootstrap.resamples(person, 7)
    found = bootstrap.means(weights, p, aus, known, (0.3, 0.6))
    for r, drawn in enumerate(weights.astype(int)):
        rows = np.repeat(np.arange(len(p)), drawn)
        expected: dict[str, list[float]] = {name: [] for name in found}
        for a, limit in enumerate((0.3, 0.6)):
            k = rows[known[rows, a]]
            y, x = aus[k, a], p[k, a]
            expected["f1"].append(sk.f1_score(y, x >= 0.5))
            expected["f1_at_thresholds"].append(sk.f1_score(y, x >= np.float32(limit)))
            expected["accuracy"].append(sk.accuracy_score(y, x >= 0.5))
            expected["average_precision"].append(sk.average_precision_score(y, x))
            expected["auc"].append(sk.roc_auc_score(y, x))
        for name, values in expected.items():
            np.testing.assert_allclose(found[name][r], np.mean(values), rtol=1e-5)


def test_intervals_are_percentiles_of_resamples(answers):
    p, aus, known, person = answers
    both = np.stack([aus[:, 0], np.zeros(len(p))], axis=1).astype(np.float32)
    low, high = bootstrap.auc_intervals(p, both, known, person)
    weights = bootstrap.resamples(person, bootstrap.RESAMPLES)
    k, found = known[:, 0], []
    for drawn in weights[:, k]:
        found.append(sk.roc_auc_score(aus[k, 0], p[k, 0], sample_weight=drawn))
    expected = np.percentile(found, (2.5, 97.5))
    np.testing.assert_allclose([low[0], high[0]], expected, rtol=1e-5)
    # An AU that is active in no image has none, and the mean goes without it.
    assert np.isnan([low[1], high[1]]).all()
    np.testing.assert_allclose([low[2], high[2]], expected, rtol=1e-5)


def test_one_person_has_no_interval(answers):
    """The second AU is known for one person alone, the first for all."""
    p, aus, known, person = answers
    one = person == np.flatnonzero(np.bincount(person, aus[:, 1] * known[:, 1]) > 0)[0]
    known = np.stack([known[:, 0], known[:, 1] & one], axis=1)
    bounds = bootstrap.auc_intervals(p, aus, known, person)
    assert np.isnan(bounds[:, 1]).all()
    assert np.isfinite(bounds[:, [0, 2]]).all()
    alone = bootstrap.auc_intervals(p, aus, known, np.zeros_like(person))
    assert np.isnan(alone).all()
    weights = bootstrap.resamples(np.zeros_like(person), 5)
    means = bootstrap.means(weights, p, aus, known, (0.3, 0.6))
    assert len(means) == 5
    assert np.isnan(list(means.values())).all()


def test_intervals_do_not_depend_on_the_size_of_the_blocks(answers, monkeypatch):
    p, aus, known, person = answers
    whole = bootstrap.auc_intervals(p, aus, known, person)
    monkeypatch.setattr(bootstrap, "_CELLS", 7 * len(p))
    parts = bootstrap.auc_intervals(p, aus, known, person)
    np.testing.assert_array_equal(parts, whole)


def test_a_resample_takes_people_whole(answers):
    *_, person = answers
    weights = bootstrap.resamples(person, 50)
    assert (weights.sum(axis=1) == len(person)).all()
    for rows in np.split(weights, 12, axis=1):
        assert (rows == rows[:, :1]).all()
    assert len(np.unique(weights, axis=0)) > 40


def test_images_without_a_subject_are_people_of_their_own(monkeypatch):
    subjects = {"a": (b"f", b"", b"m", b"f", b"", b"0"), "b": (b"m", b"")}
    monkeypatch.setattr(
        Records, "read", lambda self, i: {"subject": subjects[self.directory.name][i]}
    )
    parts = (Records(Path(name), "test", (), len(of)) for name, of in subjects.items())
    split = FaceSplit(tuple(parts), ())
    one, none, other, same, second, third, *rest = bootstrap.people_of(split)
    assert one == same
    # Sets may name their people alike.
    assert sorted({one, none, other, second, third, *rest}) == list(range(7))
    assert bootstrap.people_of(split, 3).tolist() == [0, 0, 1]


def test_an_au_that_a_resample_lacks_drops_out():
    aus = np.array([[1, 1], [0, 1]], np.float32)
    p = np.array([[0.9, 0.9], [0.1, 0.8]], np.float32)
    weights = np.ones((1, 2), np.float32)
    found = bootstrap.means(weights, p, aus, aus > -1, None)
    assert found["auc"] == [1.0]
    assert np.isnan(bootstrap.of_ranking(weights, p[:, 0], aus[:, 1] > 0)["auc"]).all()
