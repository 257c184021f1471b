"""DRIT. Expected: its formulas in numpy, and a detector that leaves the rest alone."""

from typing import Any, cast

import jax
import numpy as np
import pytest

from au_jax.stages import drit, drit_detector
from tests.stages.small import build, make_step, random_batch, small_config
from tests.trees import assert_trees_equal


def test_divergence_from_the_unit_gaussian():
    rng = np.random.default_rng(0)
    mean, log_variance = rng.normal(size=(2, 3, 4, 8)).astype(np.float32)
    variance = np.exp(log_variance)
    each = 0.5 * (mean**2 + variance - 1 - log_variance)
    actual = jax.jit(drit.divergence)(mean, log_variance)
    np.testing.assert_allclose(actual, each.sum(axis=-1).mean(), rtol=1e-5)


@pytest.mark.slow
def test_images_go_where_the_names_say():
    """Networks that do nothing but carry a number per domain through the game."""

    class Carried(drit.Translator):
        def content(self, images):
            return images[..., :1]

        def attributes(self, images):
            return images.mean(axis=(2, 3))[:, :, None, 1:2].repeat(2, axis=2)

        def images(self, content, z):
            attribute = np.broadcast_to(z[:, :, None, None], content.shape)
            return jax.numpy.concatenate([content, attribute, attribute], axis=-1)

    game = drit.Drit({}, {})
    image = np.zeros((2, 1, 8, 8, 3), np.float32)
    image[0, ..., 0], image[1, ..., 0] = 1, 2  # content
    image[0, ..., 1], image[1, ..., 1] = 30, 40  # attribute

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drit, "Translator", Carried)
        # No noise: what is left is where things go.
        patch.setattr(
            jax.random, "normal", lambda key, shape, dtype=np.float32: np.zeros(shape)
        )
        batch = cast(Any, {"image": image})
        outputs, _ = game.run({"generator": {}}, {}, batch, jax.random.key(0))
    of = {name: np.asarray(getattr(outputs, name)) for name in outputs._fields}
    pairs = {
        name: [(x[0, 0, 0], x[0, 0, 1]) for x in of[name][:, :, 0]]
        for name in ("swapped", "own", "cycled", "random")
    }
    assert pairs["swapped"] == [(2, 30), (1, 40)]
    assert pairs["own"] == [(1, 30), (2, 40)]
    assert pairs["cycled"] == [(1, 30), (2, 40)]
    assert pairs["random"] == [(2, 0), (1, 0)]


@pytest.mark.slow
def test_all_players_and_discriminators_learn():
    config = small_config()
    state, optimizers = build("drit", config)
    step = jax.jit(make_step("drit", config, optimizers))
    after, terms = step(state, random_batch(config))
    for group, networks in state.params.items():
        for name, old in networks.items():
            new = after.params[group][name]
            leaves = zip(jax.tree.leaves(old), jax.tree.leaves(new), strict=True)
            assert any((x != y).any() for x, y in leaves), (group, name)
    assert set(config.drit.loss.to_dict()) <= set(terms)


@pytest.mark.slow
def test_the_detector_learns_and_the_translation_stays():
    config = small_config()
    state, optimizers = build("drit_detector", config)
    step = jax.jit(make_step("drit_detector", config, optimizers))
    after, terms = step(state, random_batch(config))
    assert_trees_equal(state.params["generator"], after.params["generator"])
    assert set(after.params["generator"]) == set(drit_detector.TRANSLATION)
    for name in ("feature_encoder", "au_detector"):
        pair = (s.params["task"][name] for s in (state, after))
        leaves = zip(*map(jax.tree.leaves, pair), strict=True)
        assert any((x != y).any() for x, y in leaves)
    assert float(terms["au"]) > 0
