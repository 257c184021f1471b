"""Rematerialisation saves memory, adds little work and leaves gradients unchanged."""

import jax

from au_jax.benchmarking import operations
from au_jax.models import remat
from au_jax.stages import forward
from au_jax.stages.networks import make_networks
from tests.stages.small import build, every_stage, make_step, random_batch, small_config
from tests.trees import assert_trees_close


@every_stage
def test_step_is_the_same_with_hardly_more_work(stage):
    config = small_config()
    state, optimizers = build(stage, config)
    batch = random_batch(config)
    if stage == "tae":  # warps of noise have steep gradients, which magnify rounding
        batch["image"] = batch["image"] / 100
    tolerance = {"rtol": 2e-2, "atol": 5e-3} if stage == "tae" else {}
    steps = []
    for config.model.remat in (False, True):
        steps.append(make_step(stage, config, optimizers))
    plain, short = (operations.count(step, state, batch) for step in steps)
    assert plain <= short < 1.02 * plain  # dense layers, CBAM's gate, scores
    expected, actual = (jax.jit(step)(state, batch) for step in steps)
    assert_trees_close(actual[1], expected[1], rtol=1e-3, atol=1e-5)
    for group in state.params:
        moments = (s[0].opt_state[group][0].mu for s in (actual, expected))
        assert_trees_close(*moments, **{"rtol": 1e-3, "atol": 1e-4} | tolerance)


def test_backward_pass_saves_well_below_half():
    # XLA's CPU backend merges repeated computations and so undoes the saving. The test
    # therefore looks at what JAX hands to the compiler.
    config = small_config()
    state, _ = build("joint", config)
    networks, batch = make_networks(config), random_batch(config)
    players = {group: state.params[group] for group in ("task", "generator")}
    stats = state.batch_stats["task"]

    def kept(enabled):
        def run(players):
            return forward.forward(networks, players, stats, batch, frozenset())

        run = remat.rematerialise(run, enabled)
        # `vjp` returns the backward pass as a tree of the arrays it saves.
        backward = jax.eval_shape(lambda p: jax.vjp(run, p, has_aux=True)[1], players)
        return sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(backward))

    assert kept(True) < 0.4 * kept(False)
