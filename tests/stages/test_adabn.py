"""AdaBN. Expected: statistics of the target's images, and unchanged parameters."""

from typing import Any

import jax
import numpy as np

from au_jax.stages.networks import make_networks
from tests.stages.small import build, make_step, random_batch, small_config
from tests.trees import assert_trees_equal


def test_running_statistics_become_those_of_the_target():
    config = small_config()
    before, optimizers = build("adabn", config)
    step = jax.jit(make_step("adabn", config, optimizers))
    batch, state, changes = random_batch(config, num_domains=1), before, []
    for _ in range(100):
        state, terms = step(state, batch)
        changes.append(float(terms["statistics_change"]))
    assert_trees_equal(state.params, before.params)
    np.testing.assert_allclose(changes[1] / changes[0], 0.9, atol=0.01)
    assert int(state.step) == 100
    # Inference now normalises this batch as training does.
    module, params = make_networks(config).feature_encoder, state.params["task"]
    variables = {
        "params": params["feature_encoder"],
        "batch_stats": state.batch_stats["task"]["feature_encoder"],
    }
    image = batch["image"][0]
    actual: Any = module.apply(variables, image)
    expected, _ = module.apply(variables, image, train=True, mutable=["batch_stats"])
    np.testing.assert_allclose(actual, expected, atol=1e-3)
