"""Spectral norm. Expected: singular values from NumPy, and finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from au_jax.models import spectral_norm


def kernel(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.3, shape).astype(np.float32)


def singular_value(kernel: np.ndarray) -> float:
    return np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]).astype(float))[1][0]


def test_kernels_have_a_largest_singular_value_of_1_and_the_rest_is_as_it_was():
    params = {
        "conv": {"kernel": kernel(3, 3, 8, 16), "bias": kernel(16)},
        "prelu": {"negative_slope": kernel(1)},
    }
    normalised = jax.jit(spectral_norm.normalise)(params)
    # Twelve iterations leave a few percent where two singular values are close.
    found = singular_value(np.asarray(normalised["conv"]["kernel"]))
    np.testing.assert_allclose(found, 1, atol=0.05)
    ratio = np.asarray(normalised["conv"]["kernel"]) / params["conv"]["kernel"]
    np.testing.assert_allclose(ratio, ratio.mean(), rtol=1e-4)
    np.testing.assert_array_equal(normalised["conv"]["bias"], params["conv"]["bias"])
    np.testing.assert_array_equal(
        normalised["prelu"]["negative_slope"], params["prelu"]["negative_slope"]
    )


@pytest.mark.parametrize("shape", [(3, 3, 64, 64), (4, 4, 3, 64), (3, 3, 8, 1)])
@pytest.mark.parametrize("seed", range(3))
def test_the_value_is_at_most_6_percent_too_small(shape, seed):
    drawn = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    exact = np.linalg.norm(drawn.reshape(-1, shape[-1]), 2)
    found = jax.jit(spectral_norm.largest_singular_value)(drawn)
    assert 0.94 * exact <= found <= 1.00001 * exact


def test_a_kernel_of_zeros_stays_one():
    zeros = {"conv": {"kernel": jnp.zeros((3, 3, 4, 8))}}
    normalise = lambda params: spectral_norm.normalise(params)["conv"]["kernel"]
    np.testing.assert_array_equal(normalise(zeros), 0)
    gradient = jax.grad(lambda params: normalise(params).sum())(zeros)
    assert np.isfinite(gradient["conv"]["kernel"]).all()


def test_gradient_is_that_of_the_singular_value():
    rng = np.random.default_rng(1)
    # Far apart singular values, so that the iteration converges.
    left, _ = np.linalg.qr(rng.normal(size=(18, 4)))
    right, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    matrix = (left * np.array([3, 1, 0.5, 0.2])) @ right
    actual = jax.grad(spectral_norm.largest_singular_value)(
        jnp.asarray(matrix.reshape(3, 3, 2, 4), jnp.float32)
    )
    numeric, step = np.zeros(matrix.shape), 1e-6
    for at in np.ndindex(matrix.shape):
        for sign in (1, -1):
            moved = matrix.copy()
            moved[at] += sign * step
            numeric[at] += sign * singular_value(moved) / (2 * step)
    np.testing.assert_allclose(np.reshape(actual, matrix.shape), numeric, atol=1e-4)
