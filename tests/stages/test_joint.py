"""The joint step. Expected: the table of reached networks, and the textbook step."""

from typing import Any, Literal

import cv2
import jax
import numpy as np
import pytest

from au_jax.evaluation import baselines
from au_jax.stages import forward as separation
from au_jax.stages import joint, joint_terms, losses
from au_jax.stages.networks import make_networks
from tests.stages.small import AU_WEIGHT, build, make_step, random_batch, small_config
from tests.trees import assert_trees_close

# The table of method.md section 3.
GENERATORS = {"background_generator", "feature_generator"}
GRADIENTS = {
    "au": {"feature_encoder", "au_detector", *GENERATORS},
    "landmark": {"feature_encoder", "landmark_encoder", *GENERATORS},
    # D_l sees backgrounds B only, before G_st.
    "landmark_adversarial": {"background_generator"},
    "feature_adversarial": GENERATORS,
    "alignment_feature": {*GENERATORS, "projector_feature"},
    "alignment_landmark": {*GENERATORS, "projector_landmark"},
    # P(G_b(sg X)): X is a constant, so no gradient reaches G_st.
    "alignment_background": {"background_generator", "projector_background"},
    "landmark_regression": {"feature_encoder", "landmark_detector"},
    "cross_cycle": GENERATORS,
    "self_reconstruction": GENERATORS,
}


def players_of(state):
    return {group: state.params[group] for group in ("task", "generator")}


@pytest.fixture(scope="module")
def gradients():
    """Return the gradient of every single term with respect to every player."""
    config = small_config(cross_cycle=1.0, self_reconstruction=1.0)
    state, _ = build("joint", config)
    networks, batch = make_networks(config), random_batch(config)

    def terms(players):
        outputs, constants = separation.forward(
            networks, players, state.batch_stats["task"], batch, frozenset(GRADIENTS)
        )
        return joint_terms.player_terms(
            networks,
            state.params["discriminator"],
            outputs,
            constants,
            batch,
            AU_WEIGHT,
            GRADIENTS,
        )

    return jax.jit(jax.jacrev(terms))(players_of(state))


@pytest.mark.parametrize("term", GRADIENTS)
def test_each_term_reaches_the_networks_of_the_table_and_no_other(gradients, term):
    reached = {
        name
        for networks in gradients[term].values()
        for name, gradient in networks.items()
        if any(np.any(leaf) for leaf in jax.tree.leaves(gradient))
    }
    assert reached == GRADIENTS[term]


def test_every_player_parameter_learns_except_biases_before_a_norm(gradients):
    def largest(*leaves):
        return max(float(np.abs(leaf).max()) for leaf in leaves)

    sizes = jax.tree.map(largest, *gradients.values())
    still = {
        "/".join(str(key.key) for key in path)
        for path, size in jax.tree_util.tree_leaves_with_path(sizes)
        if size == 0
    }
    assert still
    assert all(path.split("/")[-2].startswith("ConvBlock") for path in still)
    assert all(path.endswith("/bias") for path in still)


def textbook_step(config, optimizers):
    """Take the textbook step: each side of the game runs its own forward pass."""
    networks, weights = make_networks(config), joint.active_weights(config)

    def step(state, batch):
        def forward(players):
            return separation.forward(
                networks, players, state.batch_stats["task"], batch, frozenset(weights)
            )

        def discriminator_loss(params):
            outputs, constants = jax.lax.stop_gradient(forward(players_of(state)))
            terms = joint_terms.discriminator_terms(
                networks, params, outputs, constants, batch
            )
            return sum(terms.values())

        gradient = jax.grad(discriminator_loss)(state.params["discriminator"])
        updated = state.apply_gradients(optimizers, {"discriminator": gradient})

        def player_loss(players):
            outputs, constants = forward(players)
            terms = joint_terms.player_terms(
                networks,
                updated.params["discriminator"],
                outputs,
                constants,
                batch,
                AU_WEIGHT,
                weights,
            )
            return losses.total(terms, weights), constants

        gradient, constants = jax.grad(player_loss, has_aux=True)(players_of(state))
        updated = updated.apply_gradients(optimizers, gradient)
        return updated.replace(
            step=state.step + 1, batch_stats={"task": constants.batch_stats}
        )

    return jax.jit(step)


@pytest.fixture(scope="module")
def small():
    """Return the small model and its step, compiled once for this file."""
    config = small_config()
    state, optimizers = build("joint", config)
    step = jax.jit(make_step("joint", config, optimizers))
    return config, state, optimizers, step


def test_step_equals_textbook_step_that_runs_forward_twice(small):
    config, state, optimizers, step = small
    batch = random_batch(config)
    actual, _ = step(state, batch)
    expected = textbook_step(config, optimizers)(state, batch)
    # Adam's first moments show the gradients; the programs round differently.
    for group in ("task", "generator", "discriminator"):
        moments = (s.opt_state[group][0].mu for s in (actual, expected))
        assert_trees_close(*moments, rtol=1e-4, atol=1e-4)
    assert_trees_close(actual.batch_stats, expected.batch_stats, rtol=1e-4, atol=1e-6)
    # The players' gradients are against the *updated* discriminators.
    updated = (s.params["discriminator"] for s in (actual, expected))
    assert_trees_close(*updated, rtol=1e-4, atol=2e-4)
    assert int(actual.step) == 1


def test_step_compiles_once_and_moves_every_network(small):
    config, state, _, step = small
    before = jax.tree.map(np.asarray, state.params)
    for seed in range(3):
        state, terms = step(state, random_batch(config, seed))
    assert step._cache_size() == 1
    for group, networks in before.items():
        for name, params in networks.items():
            pairs = zip(
                jax.tree.leaves(params),
                jax.tree.leaves(state.params[group][name]),
                strict=True,
            )
            assert any(np.any(old != new) for old, new in pairs), (group, name)
    weights = joint.active_weights(config)
    total = sum(weights[name] * float(terms[name]) for name in weights)
    np.testing.assert_allclose(terms["total"], total, rtol=1e-5)


@pytest.mark.slow
def test_discriminators_learn_in_every_second_step_if_asked():
    config = small_config()
    config.discriminators.every = 2
    state, optimizers = build("joint", config)
    step = jax.jit(make_step("joint", config, optimizers))
    moved = []
    for seed in range(3):
        before, (state, _) = state, step(state, random_batch(config, seed))
        moved.append(
            [
                any(
                    np.any(new != old)
                    for new, old in zip(
                        jax.tree.leaves(state.params[group]),
                        jax.tree.leaves(before.params[group]),
                        strict=True,
                    )
                )
                for group in ("task", "generator", "discriminator")
            ]
        )
    assert moved == [[True, True, True], [True, True, False], [True, True, True]]
    adam: Any = state.opt_state["discriminator"]
    assert int(adam[0].count) == 2


def test_enlarge_is_bilinear():
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32)
    assert separation.enlarge(x, 1) is x
    actual = separation.enlarge(x, 4)
    expected = [
        cv2.resize(image, (32, 32), interpolation=cv2.INTER_LINEAR) for image in x
    ]
    np.testing.assert_allclose(actual, expected, atol=1e-5)


def test_fold_and_unfold_are_inverse_and_keep_the_batch_major():
    x = np.arange(2 * 3 * 4).reshape(2, 3, 4).astype(np.float32)
    folded = separation.fold(x)
    np.testing.assert_array_equal(folded[:2], x[:, 0])
    np.testing.assert_array_equal(separation.unfold(folded), x)


def test_unused_terms_and_networks_are_omitted():
    config = small_config(
        landmark_regression=0.0, alignment_landmark=0.0, alignment_background=0.0
    )
    config.model.projector = "none"
    state, optimizers = build("joint", config)
    assert set(state.params["task"]) == {
        "feature_encoder",
        "landmark_encoder",
        "au_detector",
    }
    assert set(state.params["generator"]) == GENERATORS
    step = make_step("joint", config, optimizers)
    # Only the terms: the tests' type checks refuse a state of abstract shapes.
    terms = jax.eval_shape(lambda *x: step(*x)[1], state, random_batch(config))
    assert "landmark_regression" not in terms
    assert "alignment_feature" in terms


VARIANTS: dict[str, tuple[Literal["features", "attention"], int]] = {
    "none": ("features", 8),
    "identity_init": ("attention", 1),
    "pixel": ("features", 8),
    "both": ("attention", 1),
}


@pytest.mark.parametrize("projector", VARIANTS)
def test_alignment_compares_what_the_config_asks_for(projector):
    """Expected at first, when every projector is the identity: the plain distances."""
    landmark_on, channels = VARIANTS[projector]
    config = small_config()
    config.model.projector = projector
    config.loss.alignment_landmark_on = landmark_on
    state, _ = build("joint", config)
    networks, batch = make_networks(config), random_batch(config)
    outputs, constants = separation.forward(
        networks,
        players_of(state),
        state.batch_stats["task"],
        batch,
        frozenset(GRADIENTS),
        separation.Reading(aligned_landmarks=landmark_on),
    )
    assert constants.landmark_features.shape[-1] == channels
    names = [f"alignment_{kind}" for kind in separation.KINDS]
    actual = joint_terms.player_terms(
        networks,
        state.params["discriminator"],
        outputs,
        constants,
        batch,
        AU_WEIGHT,
        names,
    )
    recombined = separation.encode_landmarks(
        networks, state.params["task"]["landmark_encoder"], outputs["recombined"]
    )
    landmarks = recombined.features
    if landmark_on == "attention":
        landmarks = recombined.attention.sum(axis=-1, keepdims=True)
    background = separation.extract_background(
        networks,
        state.params["generator"]["background_generator"],
        outputs["recombined"],
    )
    pairs = (
        (outputs["reconstructed"], constants.features),
        (landmarks[::-1], constants.landmark_features),
        (background, constants.background),
    )
    factor = 4 if projector == "pixel" else 1
    for name, (reconstructed, supervisor) in zip(names, pairs, strict=True):
        difference = separation.fold(np.asarray(reconstructed - supervisor))
        expected = 2 * np.abs(separation.enlarge(difference, factor)).mean()
        np.testing.assert_allclose(actual[name], expected, rtol=1e-4, err_msg=name)


def test_alignment_multiplies_its_three_weights():
    config = small_config(alignment=50.0, alignment_landmark=0.5)
    weights = joint.active_weights(config)
    assert weights["alignment_feature"] == 50
    assert weights["alignment_landmark"] == 25
    assert not any(
        name.startswith("alignment")
        for name in joint.active_weights(small_config(alignment=0.0))
    )
    assert "alignment" not in weights
    assert "alignment_landmark_on" not in weights


def test_recombined_features_meet_the_landmarks_that_they_carry():
    """X_target has the landmarks of the source, X_source those of the target."""
    config = small_config()
    config.model.au_pooling = "landmarks"
    state, _ = build("joint", config)
    networks, batch = make_networks(config), random_batch(config)

    @jax.jit
    def aus(landmarks):
        """Return the logits in the loss and, by domain, the mean shapes seen last."""
        outputs, constants = separation.forward(
            networks,
            players_of(state),
            state.batch_stats["task"],
            {**batch, "landmarks": landmarks},
            frozenset({"au"}),
        )
        names = ("au_source", "au_recombined")
        return [outputs[name] for name in names], constants.batch_stats["au_detector"]

    points = batch["landmarks"]
    logits, stats = aus(points)
    # The four applications see source, target, X_source and X_target, in this order.
    expected = np.zeros(98)
    for domain in (0, 1, 1, 0):
        mean = np.mean([baselines.shape(face) for face in points[domain]], axis=0)
        expected = 0.9 * expected + 0.1 * mean
    actual = stats["branch_0"]["shape_norm"]["mean"]
    np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-4)
    of_target = points.copy()
    of_target[1] = points[1, ::-1]
    assert_trees_close(aus(of_target)[0], logits, rtol=1e-5, atol=1e-6)
    of_source = points.copy()
    of_source[0] = points[0, ::-1]
    for changed, before in zip(aus(of_source)[0], logits, strict=True):
        assert np.abs(changed - before).max() > 1e-3
