"""Expected: operations counted by hand, and the number in a step of the paper."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from au_jax.benchmarking import operations, workload
from au_jax.models import convolution
from au_jax.training.step import build_train_step
from au_jax.types import Config
from configs import joint
from tests.stages.small import NUM_STEPS, build


def test_a_convolution_and_its_gradients() -> None:
    x, kernel = jnp.zeros((2, 12, 16, 32)), jnp.zeros((3, 3, 32, 64))
    forward = 2 * (2 * 12 * 16) * 64 * 9 * 32  # pixels, outputs, terms of each sum
    assert operations.count(convolution.convolve, x, kernel) == forward

    def loss(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return (convolution.convolve(x, kernel) ** 2).sum()

    assert operations.count(jax.grad(loss, (0, 1)), x, kernel) == 3 * forward
    # Only the input's gradient: nothing uses the kernel's.
    assert operations.count(jax.grad(loss, 0), x, kernel) == 2 * forward


def test_a_product_inside_jit_and_a_strided_convolution() -> None:
    a, b = jnp.zeros((5, 7)), jnp.zeros((7, 3))
    assert operations.count(jax.jit(jnp.matmul), a, b) == 2 * 5 * 7 * 3
    x, kernel = jnp.zeros((1, 8, 8, 4)), jnp.zeros((2, 2, 4, 6))

    def halve(x: jax.Array) -> jax.Array:
        return jax.lax.conv_general_dilated(
            x, kernel, (2, 2), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    forward = 2 * 16 * 6 * 16
    assert operations.count(halve, x) == forward
    gradient = jax.grad(lambda x: (halve(x) ** 2).sum())
    assert operations.count(gradient, x) == 2 * forward


@pytest.mark.slow
def test_a_joint_step_of_the_paper_needs_75_gflop_per_pair() -> None:
    # A direct translation of the method needs 80. Here, what feeds no loss only runs
    # forward. Far less than 75 would mean that a part of the step is missing.
    config: Config = joint.get_config()
    config.joint.batch_size = 2
    # Not `make_workload`: it would compile the drawing of the networks.
    state, optimizers = build("joint", config)
    weight = np.ones(len(config.data.aus), np.float32)
    step = build_train_step("joint", config, optimizers, weight, NUM_STEPS)
    batch = workload.random_batch(config, "joint")
    assert 72e9 < operations.count(step, state, batch) / 2 < 80e9
