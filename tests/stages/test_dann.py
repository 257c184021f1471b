"""DANN. Expected: scikit-learn's log loss, and gradients of two plain losses."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree
from sklearn.metrics import log_loss

from au_jax.stages import dann
from au_jax.stages.networks import make_networks
from tests.stages.small import (
    AU_WEIGHT,
    NUM_STEPS,
    build,
    make_step,
    random_batch,
    small_config,
)
from tests.trees import assert_trees_close


def test_the_domain_loss():
    random = np.random.default_rng(0)
    source, target = random.normal(size=(2, 5, 1)).astype(np.float32)
    p = 1 / (1 + np.exp(-np.concatenate([source, target]).ravel()))
    expected = log_loss([1] * 5 + [0] * 5, p)
    np.testing.assert_allclose(dann.domain(source, target), expected, rtol=1e-5)


def test_the_ramp():
    progress = np.linspace(0, 1, 11)  # 2 / (1 + exp(-10 p)) - 1 = tanh(5 p)
    np.testing.assert_allclose(
        jax.vmap(dann.ramp)(progress), np.tanh(5 * progress), atol=1e-6
    )


def test_the_reversed_gradient():
    x, factor = jnp.array([1.0, -2.0, 3.0]), jnp.array(0.25)
    gradient = jax.grad(lambda x: (dann.reverse_gradient(x, factor) ** 3).sum())(x)
    np.testing.assert_allclose(gradient, -0.25 * 3 * x**2)


def test_each_network_gets_the_gradient_of_its_own_aim():
    """E_f: of L_au - lambda L_d; E_au: of L_au; the discriminator: of L_d."""
    config = small_config()
    state, optimizers = build("dann", config)
    state, batch = state.replace(step=jnp.array(20)), random_batch(config)
    actual, _ = jax.jit(make_step("dann", config, optimizers))(state, batch)
    networks, stats = make_networks(config), state.batch_stats["task"]

    landmarks = np.zeros((4, 49, 2), np.float32)  # this head does not look at them

    def run(name, params, *inputs):
        variables = {"params": params, "batch_stats": stats[name]}
        module = getattr(networks, name)
        return module.apply(variables, *inputs, train=True, mutable=["batch_stats"])[0]

    def two_losses(params):
        """Return L_au and L_d; source and target pass through E_f as one batch."""
        task, images = params["task"], np.concatenate(batch["image"])
        features = run("feature_encoder", task["feature_encoder"], images)
        logits = run("au_detector", task["au_detector"], features, landmarks)[:2]
        scores = networks.domain_discriminator.apply(
            {"params": params["discriminator"]["domain"]}, features
        )
        of_aus = optax.sigmoid_binary_cross_entropy(logits, batch["aus"][0])
        of_aus = (of_aus * AU_WEIGHT[None]).mean()
        is_source = np.array([1.0, 1.0, 0.0, 0.0]).reshape(4, 1, 1)
        of_domain = optax.sigmoid_binary_cross_entropy(scores, is_source).mean()
        return of_aus, of_domain

    of_aus, of_domain = jax.jit(jax.jacrev(two_losses))(state.params)
    reverse = np.tanh(5 * 20 / NUM_STEPS)

    def reversed_sum(one, other):
        return one - reverse * other

    for_encoder = jax.tree.map(
        reversed_sum,
        of_aus["task"]["feature_encoder"],
        of_domain["task"]["feature_encoder"],
    )
    expected = {
        "task": {
            "feature_encoder": for_encoder,
            "au_detector": of_aus["task"]["au_detector"],
        },
        "discriminator": of_domain["discriminator"],
    }
    for group, gradients in expected.items():
        moment = actual.opt_state[group][0].mu / (1 - config.optim[group].b1)
        found = ravel_pytree(state.params[group])[1](moment)
        assert_trees_close(found, gradients, rtol=1e-3, atol=1e-4)
    assert int(actual.step) == 21
