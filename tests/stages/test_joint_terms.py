"""R1. Expected: the definition, with the Jacobian of every score."""

import jax
import numpy as np

from au_jax.stages import joint_terms
from au_jax.stages.networks import make_networks
from tests.stages.small import build, make_step, random_batch, small_config


def test_r1_is_half_the_mean_squared_gradient_of_each_score():
    config = small_config()
    state, _ = build("joint", config)
    networks, discriminators = make_networks(config), state.params["discriminator"]
    rng = np.random.default_rng(0)
    shape = (2, 3, 32, 32, 8)  # domain, batch, f, f, channels
    features = rng.uniform(-1, 1, shape).astype(np.float32)

    def scores(features):
        return joint_terms.score_domains(networks, discriminators, features)[..., 0, 0]

    jacobian = np.asarray(jax.jit(jax.jacrev(scores))(features))
    squares = [
        (jacobian[d, b, d, b] ** 2).sum() for d in range(2) for b in range(shape[1])
    ]
    actual = jax.jit(
        lambda x: joint_terms.gradient_penalty(networks, discriminators, x)
    )(features)
    np.testing.assert_allclose(actual, np.mean(squares) / 2, rtol=1e-4)


def test_r1_is_a_term_of_the_discriminators_if_it_has_a_weight():
    config = small_config()
    config.discriminators.r1 = 2.0
    state, optimizers = build("joint", config)
    step = make_step("joint", config, optimizers)
    terms = jax.eval_shape(lambda *x: step(*x)[1], state, random_batch(config))
    assert "r1" in terms
