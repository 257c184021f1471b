"""The stage `gradient_patches`. Expected: it learns labels, and all of it learns."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from au_jax.stages import gradient_patches
from au_jax.stages.gradient_patches import DETECTOR
from tests.stages.small import build, make_step, random_batch, small_config


@pytest.fixture(scope="module")
def config():
    return small_config()


@pytest.fixture(scope="module")
def start(config):
    """Return a fresh state and the compiled step."""
    state, optimizers = build("gradient_patches", config)
    return state, jax.jit(make_step("gradient_patches", config, optimizers))


def test_it_has_a_network_of_its_own_alone(config):
    variables = gradient_patches.init(config, jax.random.key(0))
    assert list(variables.params) == ["task"]
    assert list(variables.params["task"]) == [DETECTOR]


@pytest.mark.slow
def test_it_learns_the_labels_of_a_batch(config, start):
    state, step = start
    batch = random_batch(config, batch_size=16, num_domains=1)
    predict = jax.jit(gradient_patches.make_predict(config))
    inputs = batch["image"][0], batch["landmarks"][0]
    for _ in range(60):
        state, terms = step(state, batch)
    p = np.asarray(predict(state.variables, *inputs).aus["direct"])
    labels = batch["aus"][0]
    assert ((p > 0.5) == (labels > 0.5)).mean() > 0.9
    assert terms["au"] < 0.4


def test_every_parameter_gets_a_gradient(config, start):
    state, step = start
    batch = random_batch(config, batch_size=4, num_domains=1)
    after, terms = step(state, batch)
    for old, new in zip(
        jax.tree.leaves(state.params), jax.tree.leaves(after.params), strict=True
    ):
        assert np.abs(np.asarray(new) - np.asarray(old)).max() > 0
    np.testing.assert_allclose(terms["total"], terms["au"])


def test_unknown_labels_teach_nothing(config, start):
    state, step = start
    batch = random_batch(config, batch_size=4, num_domains=1)
    hidden = {**batch, "aus_known": np.zeros_like(batch["aus_known"])}
    _, terms = step(state, hidden)
    assert terms["au"] == 0


def test_each_step_leaves_out_other_patches(config):
    config = config.copy_and_resolve_references()
    config.gradient_patches.dropout = 0.5
    state, optimizers = build("gradient_patches", config)
    step = jax.jit(make_step("gradient_patches", config, optimizers))
    batch = random_batch(config, batch_size=4, num_domains=1)
    losses = []
    for number in (0, 1, 0):
        _, terms = step(state.replace(step=jnp.int32(number)), batch)
        losses.append(float(terms["au"]))
    assert losses[0] == losses[2] != losses[1]
