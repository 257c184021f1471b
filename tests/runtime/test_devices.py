"""Two devices do what one does: divided batch, replicated state, global statistics."""

from typing import Any

import jax
import numpy as np
import pytest

from au_jax.errors import UserError
from au_jax.runtime import devices
from au_jax.training.step import compile_train_step
from tests.stages.small import build, every_stage, make_step, random_batch, small_config
from tests.trees import assert_trees_close


@every_stage
def test_step_on_two_devices_equals_step_on_one(stage):
    config = small_config()
    batch = random_batch(config, batch_size=4)
    mesh = devices.make_mesh()
    assert mesh.devices.size == 2

    def run(step, place):
        state, optimizers = build(stage, config)
        step = step(make_step(stage, config, optimizers))
        for _ in range(2):
            state, terms = step(place(state), batch_on(batch))
        return state, terms

    batch_on = lambda batch: devices.place_batch(mesh, batch)
    spread = run(
        lambda step: compile_train_step(mesh, step),
        lambda state: devices.place_replicated(mesh, state),
    )
    assert all(
        leaf.sharding.is_fully_replicated for leaf in jax.tree.leaves(spread[0].params)
    )
    batch_on = lambda batch: batch
    single = run(jax.jit, lambda state: state)
    # Statistics are over the global batch, gradients are its mean.
    actual, expected = ((state.batch_stats, terms) for state, terms in (spread, single))
    assert_trees_close(actual, expected, rtol=2e-3, atol=2e-4)


def test_each_device_holds_an_equal_part_of_the_batch():
    mesh = devices.make_mesh()
    batch = random_batch(small_config(), batch_size=4)
    placed: Any = devices.place_batch(mesh, batch)
    shapes = {shard.data.shape for shard in placed["image"].addressable_shards}
    assert shapes == {(2, 2, 128, 128, 3)}
    np.testing.assert_array_equal(placed["cells"], batch["cells"])


def test_an_indivisible_batch_is_refused():
    devices.check_batch_size("joint.batch_size", 4)
    with pytest.raises(UserError, match="multiple of 2"):
        devices.check_batch_size("joint.batch_size", 3)


def test_the_share_of_a_device_is_divided_into_microbatches():
    devices.check_batch_size("joint.batch_size", 8, parts=4)
    with pytest.raises(UserError, match=r"accumulation=4; use a multiple of 8"):
        devices.check_batch_size("joint.batch_size", 4, parts=4)
