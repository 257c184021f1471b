"""Stages without labels. Expected: their formulas in numpy, and who moves in a step."""

from typing import Any

import jax
import numpy as np
import pytest
from scipy.special import logsumexp

from au_jax.stages import clp, descent, fab_net, linear_probe, tae
from au_jax.stages.embedding import Players
from au_jax.stages.warp import warp
from tests.stages.small import (
    AU_WEIGHT,
    NUM_STEPS,
    build,
    make_step,
    random_batch,
    small_config,
)
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


def take_loss(stage: Any, answer: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the loss of a stage; its networks answer by `answer(name, x)`."""
    losses = []

    def take(*args):
        losses.append(args[-1])
        return args[-1]

    monkeypatch.setattr(stage, "Players", lambda *_: Answers(answer))
    monkeypatch.setattr(descent, "make_train_step", take)
    stage.make_train_step(small_config(), {}, AU_WEIGHT, NUM_STEPS)
    return losses[0]


class Answers(Players):
    """Networks that answer by `answer(name, x)`."""

    def __init__(self, answer: Any):
        self.answer, self.stats = answer, {}

    def __call__(self, name, x):
        return self.answer(name, x)


ZERO, KEY = np.zeros((), np.float32), jax.random.key(0)


def test_fab_net_turns_the_first_frame_into_the_second(monkeypatch):
    """Expected: no error for the flow that leads there; frames embed as 0 and .5."""
    image = np.random.default_rng(0).uniform(-1, 1, (2, 3, 8, 8, 3)).astype("f4")
    flow = np.zeros((3, 8, 8, 2), np.float32) + np.array([0.5, 0], np.float32)
    image[1] = warp(image[0], flow)

    def answer(name, x):
        if name == "feature_encoder":
            return x
        if name == "embedder":
            return np.repeat([[0.0], [0.5]], 3, axis=0)[[0, 3, 1, 4, 2, 5]]
        change = x[:, 1] - x[:, 0]  # of two embeddings, one after the other
        return np.asarray(change)[:, None, None, None] * flow / 0.5

    loss = take_loss(fab_net, answer, monkeypatch)
    value, _ = loss({"task": {}}, {}, {"image": image}, ZERO, KEY)
    np.testing.assert_allclose(value, 0, atol=1e-5)


def test_tae_changes_aus_and_pose_apart_and_back_again():
    """Both decoders answer with a constant flow; embeddings are pixels."""
    image = np.random.default_rng(0).uniform(-1, 1, (2, 3, 8, 8, 3)).astype("f4")
    aus_of, pose_of = (lambda x: x[:, 0, 0]), (lambda x: x[:, 4, 4])
    flows = {
        name: np.zeros((3, 8, 8, 3), np.float32) + np.array((*flow, 0), np.float32)
        for name, flow in {"au_decoder": (0.25, 0), "pose_decoder": (0, 0.5)}.items()
    }
    calls = []

    def answer(name, x):
        if name in flows:
            calls.append((name, x))
            return flows[name]
        return {"embedder": aus_of, "pose_embedder": pose_of}.get(name, lambda x: x)(x)

    (i, j), terms = image, tae._terms(Answers(answer), image, ZERO)
    au_flow, pose_flow = (flow[..., :2] for flow in flows.values())
    j_a, j_p, j_o = (
        warp(i, f) for f in (au_flow, pose_flow, (au_flow + pose_flow) / 2)
    )
    both = lambda of, old, new: np.concatenate([of(old), of(new)], axis=-1)
    expected_calls = [
        ("au_decoder", both(aus_of, i, j)),
        ("pose_decoder", both(pose_of, i, j)),
        ("au_decoder", both(aus_of, j_a, i)),
        ("pose_decoder", both(pose_of, j_p, i)),
    ]
    for (name, x), (called, expected) in zip(calls, expected_calls, strict=True):
        assert name == called
        np.testing.assert_allclose(x, expected, atol=1e-5)

    def easy(errors):  # the curriculum begins with the easier half: 1 of 3 frames
        return np.asarray(errors).reshape(3, -1).mean(axis=1).min()

    def kept(of, *pairs):
        return sum(easy((of(one) - of(other)) ** 2) for one, other in pairs)

    expected = {
        "reconstruction": easy(np.abs(j_o - j)),
        "pose_kept": kept(pose_of, (j_p, j), (j_a, i), (j_o, j)),
        "aus_kept": kept(aus_of, (j_p, i), (j_a, j), (j_o, j)),
        "cycle": easy(np.abs(warp(j_a, au_flow) - i))
        + easy(np.abs(warp(j_p, pose_flow) - i)),
        "sparsity": 0.25 / 2,
    }
    assert terms.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(terms[name], value, rtol=1e-4, err_msg=name)


def test_clp_remembers_varied_faces_and_whose_they_are(monkeypatch):
    config = small_config()
    batch: Any = random_batch(config, num_domains=clp.FRAMES, batch_size=3)
    batch["person"][:] = [7, 8, 9]
    monkeypatch.setattr(clp, "vary", lambda key, x: -x)
    seen_by = {}
    for term in ("temporal", "cross_identity"):
        take = lambda *args, term=term: seen_by.update({term: args}) or ZERO
        monkeypatch.setattr(clp, term, take)

    def answer(name, x):  # the momentum encoder sees the colours in reverse
        x = x[..., ::-1] if name == "momentum_feature_encoder" else x
        return x[:, 0, 0] if "embed" in name else x

    loss = take_loss(clp, answer, monkeypatch)
    memory = memory_of(np.zeros((0, 3), np.float32), np.zeros(0))
    _, (stats, _) = loss({"task": {}}, {"memory": memory}, batch, ZERO, KEY)
    pixels = batch["image"][:, :, 0, 0]
    z = pixels / np.linalg.norm(pixels, axis=-1, keepdims=True)
    keys, remembered = -z[..., ::-1], stats["memory"]["embedding"][:15]
    np.testing.assert_allclose(remembered, keys.reshape(-1, 3), rtol=1e-5)
    for found in seen_by.values():
        np.testing.assert_allclose(found[:2], [z, keys], rtol=1e-5)
    np.testing.assert_array_equal(seen_by["cross_identity"][2], [7, 8, 9])
    assert stats["memory"]["person"][:15].tolist() == [7, 8, 9] * clp.FRAMES


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
