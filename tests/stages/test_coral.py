"""CORAL. Expected: numpy's covariances in the formula of the paper."""

import jax
import numpy as np

from au_jax.stages.coral import coral


def features(seed: int, n: int = 7, channels: int = 4) -> np.ndarray:
    random = np.random.default_rng(seed)
    mixed = random.normal(size=(n, channels)) @ random.normal(size=(channels, channels))
    return (mixed + 3).astype(np.float32)


def test_the_formula():
    source, target = features(0), features(1)
    difference = np.cov(source.T) - np.cov(target.T)
    expected = np.linalg.norm(difference, "fro") ** 2 / (4 * 4**2)
    np.testing.assert_allclose(jax.jit(coral)(source, target), expected, rtol=1e-5)


def test_means_do_not_matter_and_equal_covariances_cost_nothing():
    source = features(0)
    np.testing.assert_allclose(jax.jit(coral)(source, source + 5), 0, atol=1e-8)


def test_a_single_image_has_no_covariance_and_a_finite_gradient():
    one = features(0, n=1)
    assert jax.jit(coral)(one, one) == 0
    assert np.isfinite(jax.grad(coral)(one, features(1, n=1))).all()
