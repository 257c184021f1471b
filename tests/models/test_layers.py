"""The shared layers. Expected: sums of numpy in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from au_jax.models.layers import PReLU


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_gradient_of_a_slope_is_the_sum_over_the_whole_map(dtype):
    """A sum in bfloat16 would end at less than half of it."""
    random = np.random.default_rng(0)
    x, gradient = (
        jnp.asarray(random.standard_normal((8, 64, 64, 16)) + shift, dtype)
        for shift in (0, 0.05)
    )
    module, params = PReLU(), {"params": {"negative_slope": jnp.float32(0.25)}}

    def slope_gradient(x, gradient):
        _, pull_back = jax.vjp(lambda params: module.apply(params, x), params)
        return pull_back(gradient)[0]["params"]["negative_slope"]

    found = jax.jit(slope_gradient)(x, gradient)
    assert found.dtype == jnp.float32
    product = np.asarray(x, np.float64) * np.asarray(gradient, np.float64)
    expected = product[np.asarray(x) < 0].sum()
    np.testing.assert_allclose(found, expected, rtol=2e-3)


def test_slopes_start_at_a_quarter():
    """As PyTorch's do, and so ADLD's (method.md section 2)."""
    x = jnp.array([-2.0, 0.0, 3.0])
    actual, _ = PReLU().init_with_output(jax.random.key(0), x)
    np.testing.assert_allclose(actual, [-0.5, 0, 3])
