"""DRIT. Expected: its formulas in numpy, and a detector that leaves the rest alone."""

from typing import Any, cast

import jax
import numpy as np
import pytest

from au_jax.stages import adaptation, drit, drit_detector
from au_jax.stages.state import TrainState
from tests.stages.small import (
    AU_WEIGHT,
    NUM_STEPS,
    build,
    make_step,
    random_batch,
    small_config,
)
from tests.trees import assert_trees_equal


def test_divergence_from_the_unit_gaussian():
    rng = np.random.default_rng(0)
    mean, log_variance = rng.normal(size=(2, 3, 4, 8)).astype(np.float32)
    variance = np.exp(log_variance)
    each = 0.5 * (mean**2 + variance - 1 - log_variance)
    actual = jax.jit(drit.divergence)(mean, log_variance)
    np.testing.assert_allclose(actual, each.sum(axis=-1).mean(), rtol=1e-5)


@pytest.fixture
def game(monkeypatch):
    """Return a game whose discriminators answer the mean of a map times a number."""

    def judge(module, params, x):
        return params * x.mean(axis=(1, 2, 3))

    monkeypatch.setattr(drit, "apply", judge)
    names = drit.make_discriminators(small_config())
    judges = {name: float(n) for n, name in enumerate(names, start=1)}
    return drit.Drit({}, names), judges


@pytest.fixture
def outputs():
    rng = np.random.default_rng(0)
    draw = lambda *shape: rng.normal(size=shape).astype(np.float32)
    image = lambda: draw(2, 3, 8, 8, 3)
    return drit.Outputs(
        content=draw(2, 3, 4, 4, 5),
        attributes=draw(2, 3, 2, 8),
        swapped=image(),
        own=image(),
        random=image(),
        cycled=image(),
        drawn=draw(2, 3, 8),
        found=draw(2, 3, 8),
    )


def bce(logits, label):
    p = 1 / (1 + np.exp(-np.asarray(logits, np.float64)))
    return -(label * np.log(p) + (1 - label) * np.log(1 - p)).mean()


def judged(judges, kind, images):
    means = np.asarray(images).mean(axis=(2, 3, 4))
    numbers = [judges[f"{kind}_{domain}"] for domain in ("source", "target")]
    return means * np.array(numbers)[:, None]


def test_players_pass_for_their_domain_and_return_what_they_got(game, outputs):
    game, judges = game
    image = outputs.own[::-1] * 2
    found = game.player_terms(outputs, judges, cast(Any, {"image": image}))
    content = judges["content"] * outputs.content.mean(axis=(2, 3, 4))
    expected = {
        "swapped_adversarial": bce(judged(judges, "swapped", outputs.swapped), 1),
        "random_adversarial": bce(judged(judges, "random", outputs.random), 1),
        "content_adversarial": bce(content, 0.5),
        "cross_cycle": np.abs(outputs.cycled - image).mean(),
        "self_reconstruction": np.abs(outputs.own - image).mean(),
        "attribute_regression": np.abs(outputs.found - outputs.drawn).mean(),
        "attribute_divergence": drit.divergence(
            outputs.attributes[:, :, 0], outputs.attributes[:, :, 1]
        ),
        "content_size": (outputs.content**2).mean(),
    }
    assert set(found) == set(expected) == set(small_config().drit.loss)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-4, err_msg=name)


def test_discriminators_tell_own_images_and_the_content_of_the_source(game, outputs):
    game, judges = game
    image = outputs.own[::-1] * 2
    found = game.discriminator_terms(judges, outputs, cast(Any, {"image": image}))
    source, target = judges["content"] * outputs.content.mean(axis=(2, 3, 4))
    expected = {"content_discriminator": bce(source, 1) + bce(target, 0)}
    for kind, made in (("swapped", outputs.swapped), ("random", outputs.random)):
        own = bce(judged(judges, kind, image), 1)
        value = own + bce(judged(judges, kind, made), 0)
        expected[f"{kind}_discriminator"] = value
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-4, err_msg=name)


@pytest.mark.parametrize("noise", [0, 4])
def test_images_go_where_the_names_say(noise):
    """Networks that do nothing but carry a number per domain through the game."""

    class Carried(drit.Translator):
        def content(self, images):
            return images[..., :1]

        def attributes(self, images):
            mean = images.mean(axis=(2, 3))[:, :, None, 1:2]
            log_variance = np.full_like(mean, np.log(0.25))
            return jax.numpy.concatenate([mean, log_variance], axis=2)

        def images(self, content, z):
            attribute = np.broadcast_to(z[:, :, None, None], content.shape)
            return jax.numpy.concatenate([content, attribute, attribute], axis=-1)

    game = drit.Drit({}, {})
    image = np.zeros((2, 1, 8, 8, 3), np.float32)
    image[0, ..., 0], image[1, ..., 0] = 1, 2  # content
    image[0, ..., 1], image[1, ..., 1] = 30, 40  # attribute

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drit, "Translator", Carried)
        # The noise is a constant: what is left is where things go.
        patch.setattr(
            jax.random,
            "normal",
            lambda key, shape, dtype=np.float32: np.full(shape, noise, dtype),
        )
        batch = cast(Any, {"image": image})
        outputs, _ = game.run({"generator": {}}, {}, batch, jax.random.key(0))
    of = {name: np.asarray(getattr(outputs, name)) for name in outputs._fields}
    pairs = {
        name: [(x[0, 0, 0], x[0, 0, 1]) for x in of[name][:, :, 0]]
        for name in ("swapped", "own", "cycled", "random")
    }
    # The content has a deviation of 1, the attributes one of .5.
    one, two, thirty, forty = 1 + noise, 2 + noise, 30 + noise / 2, 40 + noise / 2
    assert pairs["swapped"] == [(two, thirty), (one, forty)]
    assert pairs["own"] == [(one, thirty), (two, forty)]
    assert pairs["cycled"] == [(one, thirty), (two, forty)]
    assert pairs["random"] == [(two, noise), (one, noise)]


def test_the_detector_sees_the_source_as_the_target_would_look(monkeypatch):
    """Networks that carry a number; a batch of one image per domain."""

    class Named:
        def __init__(self, players, params):
            assert params == {"network": 5}

        def __call__(self, name, x):
            steps = {"content_source": 1, "content_shared": 20}
            if name == "attributes_target":  # mean and log variance
                return np.stack([x[:, 0, 0] * 2, x[:, 0, 0] * 0], axis=1)
            return x + steps[name]

        def image(self, domain, content, z):
            assert domain == "target"
            return content + z[:, None, None]

    def learn(state, batch):
        assert set(state.params) == set(state.opt_state) == {"task"}
        new = state.replace(
            step=state.step + 1, params={"task": {"x": 8}}, opt_state={"task": (9,)}
        )
        return new.replace(batch_stats={"task": {"x": 10}}), batch

    monkeypatch.setattr(drit_detector, "Translator", Named)
    monkeypatch.setattr(adaptation, "make_train_step", lambda *_: learn)
    step = drit_detector.make_train_step(small_config(), {}, AU_WEIGHT, NUM_STEPS)
    params = {"task": {"x": 1}, "generator": {"network": 5}}
    opt_state: Any = {"task": (3,), "generator": (4,)}
    stats = {"task": {"x": 2}}
    state = TrainState(jax.numpy.zeros((), int), params, stats, opt_state)
    batch: Any = random_batch(small_config(), batch_size=1)
    after, seen = cast(Any, step)(state, batch)
    source, target = batch["image"]
    expected = source + 21 + 2 * target[:, :1, :1]
    np.testing.assert_allclose(seen["image"], [expected, target], rtol=1e-5)
    assert seen["aus"] is batch["aus"]
    assert after.params == {**params, "task": {"x": 8}}
    assert after.opt_state == {**opt_state, "task": (9,)}
    assert (int(after.step), after.batch_stats) == (1, {"task": {"x": 10}})


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
