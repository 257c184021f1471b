"""Learning rates over a stage (method.md section 5)."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from au_jax.stages.state import create
from au_jax.training import optimizers as optim
from au_jax.types import Variables
from configs import adld, joint
from tests.trees import assert_trees_close


def test_paper_decays_by_thirds_over_equal_shares():
    schedule = optim.phases(1e-4, (1.0, 2 / 3, 1 / 3), num_steps=12)
    actual = [float(schedule(step)) for step in range(12)]
    expected = [1e-4] * 4 + [2e-4 / 3] * 4 + [1e-4 / 3] * 4
    np.testing.assert_allclose(actual, expected, rtol=1e-6)


def test_adld_decays_per_epoch_after_the_fifth():
    decay = adld.get_config().joint.decay
    schedule = optim.phases(1e-4, decay, num_steps=10 * 7)
    for epoch in range(10):
        expected = 1e-4 * (1 - max(0, epoch + 1 - 5) / 6)
        for step in (7 * epoch, 7 * epoch + 6):
            np.testing.assert_allclose(float(schedule(step)), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("stage", "group", "rate"),
    [
        ("landmarks", "task", 1e-4),
        ("joint", "task", 1e-4),
        ("joint", "generator", 5e-5),
        ("joint", "discriminator", 5e-5),
        ("finetune", "task", 1e-5),
        ("finetune", "generator", 1e-5),
    ],
)
def test_first_update_of_adam_is_the_learning_rate(stage, group, rate):
    optimizers = optim.make_optimizers(joint.get_config(), stage, [group], 100)
    params = {"w": jnp.ones(3)}
    state = optimizers[group].init(params)
    updates: Any
    updates, _ = optimizers[group].update({"w": jnp.full(3, 0.7)}, state, params)
    np.testing.assert_allclose(updates["w"], -rate, rtol=1e-5)


def test_a_group_that_learns_every_third_step_has_the_rate_of_the_step():
    """Expected: Adam's step on a constant gradient is the rate that the log shows."""
    config, groups = joint.get_config(), ("discriminator",)
    optimizers = optim.make_optimizers(config, "joint", groups, 12)
    rates = optim.learning_rates(config, "joint", groups, 12)["discriminator"]
    params = {"discriminator": {"w": jnp.ones(3)}}
    state = create(Variables(params, {}), optimizers)
    gradient = {"discriminator": {"w": jnp.full(3, 0.7)}}
    for step in range(12):
        due = jnp.asarray(step % 3 == 0)
        new = state.apply_gradients_if(due, optimizers, gradient)
        before, after = (s.params["discriminator"]["w"][0] for s in (state, new))
        expected = rates(step) if step % 3 == 0 else 0
        np.testing.assert_allclose(before - after, expected, rtol=2e-3, atol=1e-9)
        state = new


@pytest.mark.parametrize(
    ("group", "rate", "b1", "b2"),
    [("task", 1e-4, 0.95, 0.999), ("generator", 5e-5, 0.5, 0.9)],
)
def test_moments_are_one_vector_and_updates_those_of_adam_apart(group, rate, b1, b2):
    random = np.random.default_rng(0)
    params = {
        name: {"kernel": random.normal(size=(3, 2)), "slope": random.normal()}
        for name in ("encoder", "detector")
    }
    params = jax.tree.map(jnp.float32, params)
    (actual,) = optim.make_optimizers(joint.get_config(), "joint", [group], 9).values()
    expected = optax.adam(rate, b1=b1, b2=b2)
    states: Any = actual.init(params), expected.init(params)
    assert states[0][0].mu.shape == states[0][0].nu.shape == (14,)
    for _ in range(3):
        gradient = jax.tree.map(
            lambda p: jnp.float32(random.normal(size=p.shape)), params
        )
        one, first = actual.update(gradient, states[0])
        apart, second = expected.update(gradient, states[1])
        assert_trees_close(one, apart, rtol=1e-6, atol=0.0)
        states = first, second


def test_groups_have_the_betas_of_the_paper():
    config = joint.get_config().optim
    assert (config.task.b1, config.task.b2) == (0.95, 0.999)
    for group in ("generator", "discriminator"):
        assert (config[group].b1, config[group].b2) == (0.5, 0.9)
