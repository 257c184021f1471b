"""Loss terms. Expected: of R1, the Jacobian of every score; of others, arithmetic."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from au_jax.stages import joint_terms
from au_jax.stages.forward import Constants
from au_jax.stages.networks import make_networks
from tests.stages.small import AU_WEIGHT, build, make_step, random_batch, small_config


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


@pytest.mark.slow
def test_r1_is_a_term_of_the_discriminators_if_it_has_a_weight():
    config = small_config()
    config.discriminators.r1 = 2.0
    state, optimizers = build("joint", config)
    step = make_step("joint", config, optimizers)
    terms = jax.eval_shape(lambda *x: step(*x)[1], state, random_batch(config))
    assert "r1" in terms


def test_the_penalty_has_its_weight(monkeypatch):
    maps, scores = np.zeros((2, 1, 4, 4, 49), "f4"), np.zeros((2, 1, 1, 1), "f4")
    for name, value in (
        ("score_domains", scores),
        ("locate_landmarks", maps),
        ("gradient_penalty", jnp.float32(3)),
    ):
        monkeypatch.setattr(joint_terms, name, lambda *_, value=value: value)
    networks, features = make_networks(small_config()), np.zeros((2, 1, 4, 4, 8), "f4")
    outputs: Any = {"recombined": features, "background": features}
    constants = Constants(features, features, features, {})
    batch: Any = {"cells": np.zeros((2, 1, 49), np.int32)}
    terms = joint_terms.discriminator_terms(
        networks, {}, outputs, constants, batch, r1=2.0
    )
    assert terms["r1"] == 6


def test_adld_regresses_the_landmarks_of_the_source_and_rebuilds_its_features():
    config = small_config()
    batch, rng = random_batch(config), np.random.default_rng(0)
    features, other = rng.normal(size=(2, 2, 2, 4, 4, 8)).astype("f4")
    outputs = {"landmarks": batch["landmarks"][0], "self_reconstructed": other}
    names = ("landmark_regression", "self_reconstruction")
    found = joint_terms.player_terms(
        make_networks(config),
        {},
        outputs,
        Constants(features, other, other, {}),
        batch,
        AU_WEIGHT,
        names,
    )
    assert found["landmark_regression"] == 0
    expected = np.abs(other - features).mean()
    np.testing.assert_allclose(found["self_reconstruction"], expected, rtol=1e-5)
