"""Stages without labels. Expected: their formulas in numpy, and who moves in a step."""

from typing import Any

import jax
import numpy as np
import pytest
from scipy.special import logsumexp

from au_jax.stages import clp, linear_probe, tae
from tests.stages.small import build, make_step, random_batch, small_config
from tests.trees import assert_trees_equal


def unit(seed: int, *shape: int) -> np.ndarray:
    x = np.random.default_rng(seed).normal(size=shape)
    return (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype(np.float32)


def test_flows_merge_by_the_exponentials_of_their_masks():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 2, 4, 4, 3)).astype(np.float32)
    a, b = np.exp(one[..., 2:]), np.exp(other[..., 2:])
    expected = (one[..., :2] * a + other[..., :2] * b) / (a + b)
    np.testing.assert_allclose(jax.jit(tae.merge)(one, other), expected, rtol=1e-5)


def test_temporal_contrast_is_a_ranking_and_an_infonce():
    frames, count = 5, 2
    z, keys = unit(0, frames, count, 6), unit(1, frames, count, 6)
    ranking, contrast = [], []
    for n in range(count):
        similarity = z[:, n] @ keys[:, n].T
        hinges = [
            max(
                0.0,
                similarity[t, v]
                - similarity[t, u]
                + clp.MARGIN * (abs(v - t) - abs(u - t)),
            )
            for t in range(frames)
            for u in range(frames)
            for v in range(frames)
            if abs(u - t) < abs(v - t)
        ]
        ranking.append(np.mean(hinges))
        for t in range(frames):
            shown = [u for u in range(frames) if u == t or abs(u - t) >= 2]
            logits = similarity[t] / clp.TEMPERATURE
            contrast.append(logsumexp(logits[shown]) - logits[t])
    expected = np.mean(ranking) + np.mean(contrast)
    np.testing.assert_allclose(jax.jit(clp.temporal)(z, keys), expected, rtol=1e-5)


def memory_of(bank: np.ndarray, person: np.ndarray) -> dict[str, Any]:
    empty = clp.MEMORY - len(bank)
    return {
        "embedding": np.concatenate([bank, np.zeros((empty, bank.shape[1]), "f4")]),
        "person": np.concatenate([person, np.full(empty, -1)]).astype(np.int32),
        "place": np.int32(len(bank)),
    }


def test_a_face_is_rebuilt_from_other_people():
    frames, count = 2, 2
    z, keys, bank = unit(0, frames, count, 6), unit(1, frames, count, 6), unit(2, 40, 6)
    owner = np.arange(40) % 4
    person = np.array([1, 3], np.int32)
    expected = []
    flat_keys = keys.reshape(-1, 6)
    for index, face in enumerate(z.reshape(-1, 6)):
        others = bank[owner != person[index % count]]
        similarity = others @ face
        top = np.argsort(-similarity)[: clp.NEAREST]
        weights = np.exp(similarity[top] / clp.SHARPNESS)
        rebuilt = (weights[:, None] * others[top]).sum(axis=0)
        logits = flat_keys @ (rebuilt / np.linalg.norm(rebuilt)) / clp.TEMPERATURE
        expected.append(logsumexp(logits) - logits[index])
    actual = jax.jit(clp.cross_identity)(z, keys, person, memory_of(bank, owner))
    np.testing.assert_allclose(actual, np.mean(expected), rtol=1e-4)


def test_an_empty_memory_teaches_nothing():
    memory = memory_of(np.zeros((0, 6), np.float32), np.zeros(0))
    person = np.array([1, 3], np.int32)
    step = jax.value_and_grad(clp.cross_identity)
    value, gradient = step(unit(0, 2, 2, 6), unit(1, 2, 2, 6), person, memory)
    assert value == 0
    assert not gradient.any()


def test_the_memory_replaces_its_oldest():
    memory = memory_of(unit(0, clp.MEMORY, 3), np.zeros(clp.MEMORY))
    memory["place"] = np.int32(clp.MEMORY - 1)
    new = clp.remember(memory, unit(1, 2, 3), np.array([7, 8], np.int32))
    np.testing.assert_array_equal(new["embedding"][np.array([-1, 0])], unit(1, 2, 3))
    assert new["person"][np.array([-1, 0])].tolist() == [7, 8]
    assert int(new["place"]) == 1
    np.testing.assert_array_equal(new["embedding"][1:-1], memory["embedding"][1:-1])


def stepped(stage: str, **options: Any):
    config = small_config()
    state, optimizers = build(stage, config)
    batch = random_batch(config, **options)
    step = jax.jit(make_step(stage, config, optimizers))
    return state, *step(state, batch)


def moved(before: Any, after: Any) -> set[str]:
    """Return the networks of the group "task" that changed."""
    return {
        name
        for name, old in before.params["task"].items()
        if any(
            np.any(x != y)
            for x, y in zip(
                jax.tree.leaves(old),
                jax.tree.leaves(after.params["task"][name]),
                strict=True,
            )
        )
    }


def test_the_probe_alone_moves():
    before, after, terms = stepped("linear_probe")
    assert moved(before, after) == {linear_probe.PROBE}
    for name in linear_probe.FROZEN:
        stats = (state.batch_stats["task"][name] for state in (before, after))
        assert_trees_equal(*stats)
    assert float(terms["au"]) > 0


@pytest.mark.slow
def test_the_momentum_encoder_follows():
    before, after, _ = stepped("clp", num_domains=3)
    momentum = small_config().clp.momentum
    for learner, follower in zip(clp.LEARNER, clp.FOLLOWER, strict=True):
        old = before.params["task"][follower]
        new = after.params["task"][learner]
        expected = jax.tree.map(
            lambda x, y: momentum * x + (1 - momentum) * y, old, new
        )
        found = jax.tree.leaves(after.params["task"][follower])
        for x, y in zip(jax.tree.leaves(expected), found, strict=True):
            np.testing.assert_allclose(x, y, atol=1e-6)
    assert int(after.batch_stats["task"]["memory"]["place"]) == 3 * 2


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["fab_net", "tae"])
def test_it_learns_to_turn_frames_into_each_other(stage):
    config = small_config()
    config[stage].learning_rate = 2e-3
    state, optimizers = build(stage, config)
    batch = random_batch(config, batch_size=4)
    # Smooth images that move by a few pixels.
    image = np.asarray(batch["image"])[0, :, ::16, ::16].repeat(16, 1).repeat(16, 2)
    batch["image"] = np.stack([image, np.roll(image, 6, axis=2)])
    step = jax.jit(make_step(stage, config, optimizers))
    values = []
    for _ in range(40):
        state, terms = step(state, batch)
        values.append(float(terms["reconstruction"]))
    assert np.mean(values[-5:]) < 0.8 * np.mean(values[:5])
    assert len(moved(build(stage, config)[0], state)) == len(state.params["task"])
