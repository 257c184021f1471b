"""Scores of a run. Expected: NumPy's means of answers and of logits."""

import numpy as np

from au_jax.comparison import scores
from au_jax.comparison.scores import Conditions

PERSON = np.array([0, 0, 1, 0, 1, 0, 1, 1, 2])  # of the last there is one image


def test_the_mean_of_two_paths_is_a_path():
    direct, reconstructed = np.random.default_rng(0).random((2, 9, 3))
    both = {"direct": direct, "reconstructed": reconstructed}
    wanted = Conditions("test", 30, mean_of_paths=True)
    found = scores.with_more_paths(both, wanted, lambda: PERSON)
    assert list(found) == ["direct", "reconstructed", scores.MEAN]
    np.testing.assert_allclose(found[scores.MEAN], (direct + reconstructed) / 2)
    one = {"direct": direct}
    assert list(scores.with_more_paths(one, wanted, lambda: PERSON)) == ["direct"]


def test_centred_answers_have_no_level_of_the_person():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1, (9, 2)) + rng.normal(0, 3, (3, 2))[PERSON]
    p = 1 / (1 + np.exp(-logits))
    found = scores.with_more_paths(
        {"direct": p}, Conditions("test", 30, centred=True), lambda: PERSON
    )[scores.CENTRED]
    actual = np.log(found / (1 - found))
    level = logits.mean(axis=0)
    for one in (0, 1):
        own = logits[one == PERSON]
        expected = own - own.mean(axis=0) + level
        np.testing.assert_allclose(actual[one == PERSON], expected, atol=1e-4)
    np.testing.assert_allclose(actual[-1], logits[-1], atol=1e-4)


def test_a_result_counts_for_the_data_that_it_is_of(tmp_path):
    of_a, of_b = (Conditions("test", 30, data=name) for name in ("a", "b"))
    scores.write(tmp_path, scores.Result(of_a, {}, {}, {}))
    assert scores.read(tmp_path, of_a) is not None
    assert scores.read(tmp_path, of_b) is None
    # Older versions did not say which data a result is of.
    scores.write(tmp_path, scores.Result(Conditions("test", 30), {}, {}, {}))
    assert scores.read(tmp_path, of_b) is not None
    assert scores.read(tmp_path, Conditions("val", 30, data="b")) is None
