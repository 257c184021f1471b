"""Readings of the forward pass. Expected: who reaches whom, as `Reading` says."""

import functools
from typing import Any

import jax
import numpy as np
import pytest

from au_jax.stages import forward as separation
from au_jax.stages.forward import Reading
from au_jax.stages.networks import make_networks
from tests.stages.small import build, random_batch, small_config

GENERATORS = ("background_generator", "feature_generator")


@pytest.fixture(scope="module")
def setting() -> Any:
    config = small_config()
    config.model.projector = "none"
    state, _ = build("joint", config)
    return config, state


def run(setting, players, batch, reading):
    config, state = setting
    stats = state.batch_stats["task"]
    terms = frozenset({"alignment_background", "cross_cycle"})
    networks = make_networks(config)
    return separation.forward(networks, players, stats, batch, terms, reading)[0]


@pytest.mark.parametrize(
    ("second_round", "reached"),
    [("detached", {"background_generator"}), ("live", {*GENERATORS})],
)
def test_a_live_second_round_reaches_the_generator_through_x(
    setting, second_round, reached
):
    config, state = setting
    players = {group: state.params[group] for group in ("task", "generator")}
    reading = Reading(second_round=second_round)

    def second_background(players):
        outputs = run(setting, players, random_batch(config), reading)
        return (outputs["projected_background"] ** 2).sum()

    gradient = jax.jit(jax.grad(second_background))(players)
    sizes = {
        name: max(np.abs(leaf).max() for leaf in jax.tree.leaves(network))
        for group in gradient.values()
        for name, network in group.items()
    }
    # E_f is reached by neither: B is a function of constant features.
    assert {name for name, size in sizes.items() if size > 0} == reached


def test_true_landmarks_replace_the_detected_ones_in_both_rounds(setting):
    config, state = setting
    task = dict(state.params["task"])
    players = {"task": task, "generator": state.params["generator"]}
    batch = random_batch(config)
    encoder = jax.tree.map(lambda x: 2 * x + 0.1, task["landmark_encoder"])
    other = {**task, "landmark_encoder": encoder}
    moved = {**batch, "cells": (batch["cells"] + 5) % 1024}

    @jax.jit
    def features(players, batch):
        outputs = run(setting, players, batch, Reading(attention="true"))
        return {name: outputs[name] for name in ("recombined", "reconstructed")}

    expected = features(players, batch)
    of_other_encoder = features({**players, "task": other}, batch)
    of_other_cells = features(players, moved)
    for name, value in expected.items():
        np.testing.assert_array_equal(of_other_encoder[name], value)
        assert np.abs(of_other_cells[name] - value).max() > 1e-3


def test_features_get_the_others_landmarks_and_then_their_own_again(setting):
    """Expected: method.md section 3, steps 3 and 4, one domain after the other."""
    config, state = setting
    task, generator = dict(state.params["task"]), state.params["generator"]
    # So sharp that it matters whose attention it is.
    task["landmark_encoder"] = jax.tree.map(lambda x: 20 * x, task["landmark_encoder"])
    networks, batch = make_networks(config), random_batch(config)

    def by_hand(features):
        """Return X, F', and what F' would be of the attentions in the wrong order."""

        def attend(x):
            params = {"params": task["landmark_encoder"]}
            encoding: Any = networks.landmark_encoder.apply(params, x)
            return encoding.attention

        background, generate = (
            functools.partial(
                getattr(networks, name).apply, {"params": generator[name]}
            )
            for name in GENERATORS
        )
        x = [generate(attend(features[1 - d]), background(features[d])) for d in (0, 1)]
        again, wrong = (
            [generate(attend(x[e]), background(x[d])) for d, e in pairs]
            for pairs in (((0, 1), (1, 0)), ((0, 0), (1, 1)))
        )
        return x, again, wrong

    @jax.jit
    def both(batch):
        players, stats = {"task": task, "generator": generator}, state.batch_stats
        terms = frozenset({"cross_cycle"})
        outputs, constants = separation.forward(
            networks, players, stats["task"], batch, terms
        )
        found = outputs["recombined"], outputs["reconstructed"]
        return found, by_hand(constants.features)

    found, (x, again, wrong) = both(batch)
    np.testing.assert_allclose(found[0], x, atol=1e-4)
    np.testing.assert_allclose(found[1], again, atol=1e-3)
    assert np.abs(np.subtract(wrong, again)).max() > 0.1


def test_what_no_term_needs_is_not_an_output(setting):
    """Its zero gradient would cost a pass back through the second round."""
    config, state = setting
    players = {group: state.params[group] for group in ("task", "generator")}
    batch, stats = random_batch(config), state.batch_stats["task"]
    shapes, _ = jax.eval_shape(
        lambda players: separation.forward(
            make_networks(config), players, stats, batch, frozenset({"au"}), Reading()
        ),
        players,
    )
    assert set(shapes) == {
        "au_source",
        "au_recombined",
        "landmark_logits",
        "recombined_landmark_logits",
        "background",
        "recombined",
    }
