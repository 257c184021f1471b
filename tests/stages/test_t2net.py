"""T2Net. Expected: least squares in numpy, and players that move at every step."""

from typing import Any

import jax
import numpy as np
import pytest

from au_jax.stages import t2net
from tests.stages.small import AU_WEIGHT, build, make_step, random_batch, small_config
from tests.trees import assert_trees_equal


class Judge:
    """Stands in for the discriminators: the mean of the input of each kind."""

    def apply(self, variables: Any, x: np.ndarray) -> np.ndarray:
        del variables
        return x.mean(axis=(1, 2, 3))


@pytest.fixture
def game(monkeypatch):
    config = small_config()
    monkeypatch.setattr(
        t2net, "apply", lambda module, params, x: Judge().apply(params, x)
    )
    networks = t2net.make_networks(config)
    return t2net.T2Net(networks, *t2net._modules(config), AU_WEIGHT)


@pytest.fixture
def outputs():
    rng = np.random.default_rng(0)
    return t2net.Outputs(
        translated=rng.uniform(-1, 1, (2, 2, 128, 128, 3)).astype(np.float32),
        features=rng.uniform(-1, 1, (2, 2, 32, 32, 8)).astype(np.float32),
        logits=rng.normal(size=(2, 2)).astype(np.float32),
    )


def test_terms_are_those_of_the_paper(game, outputs):
    batch = random_batch(small_config())
    found = game.player_terms(outputs, {"image": {}, "domain": {}}, batch)
    image, features = (x[0].mean(axis=(1, 2, 3)) for x in outputs[:2])
    logits, aus = outputs.logits, batch["aus"][0]
    expected = {
        "au": (AU_WEIGHT * (np.logaddexp(0, logits) - aus * logits)).mean(),
        "image_adversarial": ((image - 1) ** 2).mean(),
        "feature_adversarial": ((features - 1) ** 2).mean(),
        "identity": np.abs(outputs.translated[1] - batch["image"][1]).mean(),
    }
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5)
    theirs = game.discriminator_terms({"image": {}, "domain": {}}, outputs, batch)
    pairs = {
        "image": (np.asarray(batch["image"])[1], image),
        "domain": (outputs.features[1], features),
    }
    for name, (targets, translated) in pairs.items():
        own = targets.mean(axis=(1, 2, 3))
        value = ((own - 1) ** 2).mean() / 2 + (translated**2).mean() / 2
        np.testing.assert_allclose(theirs[f"{name}_discriminator"], value, rtol=1e-5)


def test_aus_are_learned_from_translated_images_of_the_source(monkeypatch):
    """Networks that do nothing, but for a translator that adds 10."""
    config, places = small_config(), []

    def carry(module, params, stats, name, x, landmarks=None):
        places.append(landmarks)
        return x + 10 if name == "translator" else x

    monkeypatch.setattr(t2net, "apply_and_update_stats", carry)
    networks = t2net.make_networks(config)
    game = t2net.T2Net(networks, *t2net._modules(config), AU_WEIGHT)
    names = {"task": ["feature_encoder", "au_detector"], "generator": ["translator"]}
    players = {group: {n: {} for n in some} for group, some in names.items()}
    batch = random_batch(config)
    found, _ = game.run(players, players, batch, jax.random.key(0))
    image = np.asarray(batch["image"])
    np.testing.assert_allclose(found.translated, image + 10, rtol=1e-6)
    np.testing.assert_allclose(found.features[0], image[0] + 10, rtol=1e-6)
    np.testing.assert_array_equal(found.features[1], image[1])
    np.testing.assert_allclose(found.logits, image[0] + 10, rtol=1e-6)
    np.testing.assert_array_equal(places[-1], batch["landmarks"][0])


@pytest.mark.slow
def test_discriminators_learn_at_every_fifth_step():
    config = small_config()
    state, optimizers = build("t2net", config)
    step = jax.jit(make_step("t2net", config, optimizers))
    batch = random_batch(config)
    for number in range(6):
        before, (state, _) = state, step(state, batch)
        pair = (s.params["discriminator"] for s in (before, state))
        if number % t2net.EVERY:
            assert_trees_equal(*pair)
        else:
            leaves = zip(*map(jax.tree.leaves, pair), strict=True)
            assert any((new != old).any() for old, new in leaves)
        for group in ("task", "generator"):
            pair = (s.params[group] for s in (before, state))
            leaves = zip(*map(jax.tree.leaves, pair), strict=True)
            assert any((new != old).any() for old, new in leaves)
