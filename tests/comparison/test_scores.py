"""Scores of a run. Expected: NumPy's mean of two answers."""

import numpy as np

from au_jax.comparison import scores


def test_the_mean_of_two_paths_is_a_path():
    direct, reconstructed = np.random.default_rng(0).random((2, 5, 3))
    both = {"direct": direct, "reconstructed": reconstructed}
    found = scores.with_mean(both)
    assert list(found) == ["direct", "reconstructed", scores.MEAN]
    np.testing.assert_allclose(found[scores.MEAN], (direct + reconstructed) / 2)
    assert scores.with_mean({"direct": direct}) == {"direct": direct}
