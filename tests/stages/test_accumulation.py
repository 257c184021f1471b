"""Gradient accumulation. Expected: numpy, and a step on one of two equal parts."""

from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from au_jax.runtime import devices
from au_jax.stages import (
    STAGES,
    accumulation,
    adversarial,
    descent,
    losses,
    own_labels,
)
from au_jax.stages.state import microbatch_key
from tests.stages.small import build, every_stage, make_step, random_batch, small_config
from tests.trees import assert_trees_close


def test_microbatches_take_every_nth_row():
    x = np.arange(2 * 6).reshape(2, 6)
    known = np.zeros((2, 6, 2), bool)
    known[0, 1:] = True
    batch = {"x": jnp.asarray(x), "aus_known": jnp.asarray(known)}
    actual = accumulation.split_batch(cast(Any, batch), 3)
    np.testing.assert_array_equal(
        cast(Any, actual)["x"], [x[:, p::3] for p in range(3)]
    )
    # Ten known labels, and none: at least one, as a divisor.
    np.testing.assert_allclose(actual["known_per_part"], [[10 / 3, 1 / 3]] * 3)


def test_microbatches_draw_keys_of_their_own():
    config = small_config()
    of = lambda step, i: jax.random.key_data(microbatch_key(config, jnp.array(step), i))
    whole = of(3, jnp.array(0))
    assert np.array_equal(whole, of(3, jnp.array(1)))  # one batch is one microbatch
    config.accumulation = 2
    keys = [tuple(of(step, jnp.array(i)).tolist()) for step in (3, 4) for i in (0, 1)]
    assert len({tuple(whole.tolist()), *keys}) == 5


def test_steps_draw_keys_that_no_initial_network_has():
    data = lambda key: tuple(jax.random.key_data(key).tolist())
    config, first = small_config(), jnp.array(0)
    root = jax.random.key(config.seed)
    initial = {data(jax.random.fold_in(root, i)) for i in range(99)}
    draws = {data(microbatch_key(config, jnp.array(n), first)) for n in range(99)}
    assert len(STAGES) < 99
    assert len(initial | draws) == 198


@pytest.mark.parametrize("backend", ["cpu", "gpu"])
def test_results_are_averaged_and_the_carry_is_passed_on(backend, monkeypatch):
    """Test both forms of the loop: the CPU's and the GPU's."""
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    x = np.random.default_rng(0).normal(size=(1, 8, 5)).astype(np.float32)
    batch = {"x": x, "aus_known": np.ones((1, 8, 2), bool)}

    def function(carry, part):
        return 0.5 * carry + part["x"].sum(), {"largest": part["x"].max()}

    def run(batch):
        return accumulation.mean_over_microbatches(function, jnp.float32(1), batch, 4)

    carry, actual = jax.jit(run)(batch)
    parts = [x[:, p::4] for p in range(4)]
    expected = 1.0
    for part in parts:
        expected = 0.5 * expected + part.sum()
    np.testing.assert_allclose(carry, expected, rtol=1e-5)
    largest = np.mean([part.max() for part in parts])
    np.testing.assert_allclose(actual["largest"], largest, rtol=1e-6)


@pytest.mark.parametrize("backend", ["cpu", "gpu"])
@pytest.mark.parametrize("count", [2, 4])
def test_au_is_the_mean_over_the_known_labels_of_the_batch(backend, count, monkeypatch):
    """Of four parts, they know 3, 2, 1 and 0 labels. The batch is on two devices."""
    rng = np.random.default_rng(0)
    x, weight = rng.normal(size=(1, 8, 5)), np.array([0.5, 1.5], np.float32)
    known = np.zeros((1, 8, 2), bool)
    known[0, [0, 4, 1], 0] = True
    known[0, [0, 5, 2], 1] = True
    aus = (rng.random((1, 8, 2)) < 0.5) * known
    batch = {"x": x, "aus": aus, "aus_known": known}
    spread = NamedSharding(devices.make_mesh(), PartitionSpec(None, "data"))
    types = np.float32, np.float32, np.bool_
    batch = {
        name: jax.device_put(value.astype(kind), spread)
        for (name, value), kind in zip(batch.items(), types, strict=True)
    }
    kernel = jnp.asarray(rng.normal(size=(5, 2)), jnp.float32)

    def mean(batch: Any, count: int):
        of_part = lambda kernel, part: losses.labelled_au(
            part["x"][0] @ kernel, part, weight
        )
        step = lambda carry, part: (carry, jax.value_and_grad(of_part)(kernel, part))
        return accumulation.mean_over_microbatches(step, (), batch, count)[1]

    logits = x[0] @ np.asarray(kernel, np.float64)
    expected = weight * (np.logaddexp(0, logits) - aus[0] * logits)
    whole, whole_gradient = jax.jit(mean, static_argnums=1)(batch, 1)
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    value, gradient = jax.jit(mean, static_argnums=1)(batch, count)
    np.testing.assert_allclose(value, expected[known[0]].mean(), rtol=1e-5)
    np.testing.assert_allclose(value, whole, rtol=1e-6)
    np.testing.assert_allclose(gradient, whole_gradient, rtol=1e-6, atol=1e-7)


@every_stage
def test_two_microbatches_of_equal_images_step_like_one(stage, monkeypatch):
    """Equal parts have equal batch statistics, so their mean equals one part's.

    Here they also draw alike. The labels of one part are unknown, which changes neither
    the mean over the known ones nor its gradient.

    The running statistics, however, are updated twice. Their momentum is .9 (.99 in
    CBAM): if a pass updates them n times, the next one adds .9^n of its change.
    """
    if stage == "clp":
        pytest.skip("the second part compares with what the first left in the memory")
    for module in (adversarial, descent, own_labels):
        monkeypatch.setattr(module, "microbatch_key", lambda *_: jax.random.key(0))
    config, joint = small_config(), stage == "joint"
    batch = random_batch(config, batch_size=2)
    state, optimizers = build(stage, config)
    single, terms = jax.jit(make_step(stage, config, optimizers))(state, batch)
    config.accumulation = 2
    doubled = jax.tree.map(lambda x: np.repeat(x, 2, axis=1), batch)
    doubled["aus_known"][:, 1::2] = False
    actual, mean_terms = jax.jit(make_step(stage, config, optimizers))(state, doubled)
    # Adam's first moments show the gradients; the programs round differently.
    for group in state.params:
        moments = (s.opt_state[group][0].mu for s in (actual, single))
        assert_trees_close(*moments, rtol=1e-3, atol=1e-4)
    losses = {name: value for name, value in terms.items() if "/" not in name}
    if stage == "adabn":  # its term is the change of both updates
        losses = {}
    assert_trees_close({k: mean_terms[k] for k in losses}, losses, rtol=1e-3, atol=1e-5)

    def first_of(old, new):
        return new - old

    moved_once = jax.tree.map(first_of, state.batch_stats, single.batch_stats)
    moved_twice = jax.tree.map(first_of, state.batch_stats, actual.batch_stats)
    for path, once in jax.tree_util.tree_leaves_with_path(moved_once):
        twice = moved_twice
        for key in path:
            twice = twice[key.key]
        name = jax.tree_util.keystr(path)
        if "labelling" in name:
            continue  # thresholds follow the quantiles
        if stage == "mean_teacher" and "student" not in name:
            continue  # the teacher's follow the student's
        momentum = 0.99 if "CBAM" in name else 0.9
        passes = {"['au_detector']": 4, "['feature_encoder']": 2} if joint else {}
        default = 2 if stage == "tae" else 1  # its frames, then the frames it makes
        n = next((n for network, n in passes.items() if network in name), default)
        expected = once * (1 + momentum**n)
        np.testing.assert_allclose(twice, expected, rtol=2e-3, atol=1e-5)
