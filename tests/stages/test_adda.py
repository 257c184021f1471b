"""ADDA. Expected: the textbook step, and networks of the source that never move."""

from typing import Any

import jax
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

from au_jax.stages import adda
from au_jax.stages.networks import make_networks
from tests.stages.small import build, make_step, random_batch, small_config
from tests.trees import assert_trees_close, assert_trees_equal


@pytest.fixture(scope="module")
def stepped():
    """Return the config, a batch, the state before a step and the one after."""
    config = small_config()
    state, optimizers = build("adda", config)
    batch = random_batch(config)
    after, terms = jax.jit(make_step("adda", config, optimizers))(state, batch)
    return config, optimizers, batch, state, after, terms


def test_only_the_targets_encoder_and_the_discriminator_move(stepped):
    _, _, _, before, after, _ = stepped
    for name in ("source_encoder", "au_detector"):
        for one, other in (
            (before.params, after.params),
            (before.batch_stats, after.batch_stats),
        ):
            assert_trees_equal(one["task"][name], other["task"][name])
    for group, name in (("task", "feature_encoder"), ("discriminator", "domain")):
        pair = (state.params[group][name] for state in (before, after))
        leaves = zip(*map(jax.tree.leaves, pair), strict=True)
        assert any(np.any(old != new) for old, new in leaves)


def test_step_equals_textbook_step(stepped):
    """Official code flips the labels of the target; here D learns first."""
    config, optimizers, batch, before, after, terms = stepped
    networks, stats = make_networks(config), before.batch_stats["task"]
    task, discriminator = before.params["task"], before.params["discriminator"]
    source = networks.feature_encoder.apply(
        {"params": task["source_encoder"], "batch_stats": stats["source_encoder"]},
        batch["image"][0],
    )

    def encode(params):
        return networks.feature_encoder.apply(
            {"params": params, "batch_stats": stats["feature_encoder"]},
            batch["image"][1],
            train=True,
            mutable=["batch_stats"],
        )[0]

    def bce(params, features, label):
        scores: Any = networks.domain_discriminator.apply(
            {"params": params["domain"]}, features
        )
        labels = np.full(scores.shape, label)
        return optax.sigmoid_binary_cross_entropy(scores, labels).mean()

    target = encode(task["feature_encoder"])

    def domain(params):
        return (bce(params, source, 1.0) + bce(params, target, 0.0)) / 2

    value, gradient = jax.value_and_grad(domain)(discriminator)
    np.testing.assert_allclose(terms["domain"], value, rtol=1e-4)
    updated = before.apply_gradients(optimizers, {"discriminator": gradient})
    new = updated.params["discriminator"]

    def mapping(params):
        return bce(new, encode(params), 1.0)

    value, gradient = jax.value_and_grad(mapping)(task["feature_encoder"])
    np.testing.assert_allclose(terms["mapping"], value, rtol=1e-3)
    moment = after.opt_state["task"][0].mu / (1 - config.optim.task.b1)
    found = ravel_pytree(before.params["task"])[1](moment)["feature_encoder"]
    assert_trees_close(found, gradient, rtol=1e-2, atol=1e-3)
    norm = np.linalg.norm(ravel_pytree(gradient)[0])
    logged = terms["gradient_norm/task/feature_encoder"]
    np.testing.assert_allclose(logged, norm, rtol=1e-2)


def test_both_encoders_are_equal_at_first():
    config = small_config()
    variables = jax.jit(lambda key: adda.init(config, key))(jax.random.key(0))
    for groups in variables:
        task = groups["task"]
        assert_trees_equal(task["source_encoder"], task["feature_encoder"])
