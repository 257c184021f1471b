"""MMD. Expected: the kernels of scikit-learn."""

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.metrics.pairwise import euclidean_distances, rbf_kernel

from au_jax.stages.mmd import BANDWIDTHS, mmd


def features(seed: int, shift: float = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (random.normal(size=(6, 3)) + shift).astype(np.float32)


def test_the_formula():
    source, target = features(0), features(1, shift=0.5)
    both = np.concatenate([source, target])
    unit = (euclidean_distances(both) ** 2).mean()
    expected = 0.0
    for factor in BANDWIDTHS:
        gamma = 1 / (2 * factor * unit)
        expected += rbf_kernel(source, gamma=gamma).mean()
        expected += rbf_kernel(target, gamma=gamma).mean()
        expected -= 2 * rbf_kernel(source, target, gamma=gamma).mean()
    actual = mmd(source, target)
    np.testing.assert_allclose(actual, expected / len(BANDWIDTHS), rtol=1e-4)


def test_it_grows_with_the_distance_and_is_0_for_equal_features():
    near, far = (float(mmd(features(0), features(1, shift=s))) for s in (1, 3))
    assert 0 < near < far
    np.testing.assert_allclose(mmd(features(0), features(0)), 0, atol=1e-6)


def test_equal_images_have_a_finite_gradient():
    same = np.ones((4, 3), np.float32)
    assert np.isfinite(jax.grad(mmd)(same, same)).all()


def test_the_unit_of_the_bandwidths_is_a_constant():
    """Else, features of another scale would have the same MMD, and no gradient."""
    source, target = features(0), features(1, shift=0.5)
    unit = (euclidean_distances(np.concatenate([source, target])) ** 2).mean()

    def with_constant(source, target):
        x = jnp.concatenate([source, target])
        squares = ((x[:, None] - x[None]) ** 2).sum(axis=-1)
        k = jnp.mean(
            jnp.stack([jnp.exp(-squares / (2 * f * unit)) for f in BANDWIDTHS]), axis=0
        )
        return k[:6, :6].mean() + k[6:, 6:].mean() - 2 * k[:6, 6:].mean()

    expected = jax.grad(with_constant)(source, target)
    actual = jax.grad(mmd)(source, target)
    np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-6)
