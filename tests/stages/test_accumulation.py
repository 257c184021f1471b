"""Gradient accumulation. Expected: numpy, and a step on one of two equal parts."""

from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from au_jax.stages import STAGES, accumulation, adversarial, descent, own_labels
from au_jax.stages.state import microbatch_key
from tests.stages.small import build, every_stage, make_step, random_batch, small_config
from tests.trees import assert_trees_close


def test_microbatches_take_every_nth_row():
    x = np.arange(2 * 6).reshape(2, 6)
    actual = accumulation.split_batch(cast(Any, {"x": jnp.asarray(x)}), 3)
    np.testing.assert_array_equal(
        cast(Any, actual)["x"], [x[:, p::3] for p in range(3)]
    )


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

    def function(carry, part):
        return 0.5 * carry + part["x"].sum(), {"largest": part["x"].max()}

    def run(x):
        return accumulation.mean_over_microbatches(
            function, jnp.float32(1), cast(Any, {"x": x}), 4
        )

    carry, actual = jax.jit(run)(x)
    parts = [x[:, p::4] for p in range(4)]
    expected = 1.0
    for part in parts:
        expected = 0.5 * expected + part.sum()
    np.testing.assert_allclose(carry, expected, rtol=1e-5)
    largest = np.mean([part.max() for part in parts])
    np.testing.assert_allclose(actual["largest"], largest, rtol=1e-6)


@every_stage
def test_two_equal_microbatches_step_like_one(stage, monkeypatch):
    """Equal parts have equal batch statistics, so their mean equals one part's.

    Here they also draw alike.

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
