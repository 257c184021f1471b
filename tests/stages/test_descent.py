"""Steps on one loss. Expected: keys and progress of each microbatch, by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from au_jax.stages import descent
from au_jax.stages.state import create, microbatch_key
from au_jax.types import Variables
from tests.stages.small import random_batch, small_config


@pytest.mark.parametrize("count", [1, 2])
def test_each_microbatch_has_its_own_key_and_the_progress_of_the_stage(count):
    config = small_config()
    config.accumulation = count
    params = {"task": {"network": {"x": jnp.ones(())}}}
    optimizers = {"task": optax.sgd(1.0)}
    state = create(Variables(params, {"task": {}}), optimizers)

    def loss(params, stats, batch, progress, key):
        terms = {"drawn": jax.random.normal(key), "progress": progress}
        return params["task"]["network"]["x"] * 2, (stats, terms)

    step = descent.make_train_step(config, optimizers, 40, loss)
    batch = jax.device_put(random_batch(config))
    after, terms = step(state.replace(step=jnp.int32(10)), batch)
    keys = [microbatch_key(config, jnp.array(10), jnp.array(i)) for i in range(count)]
    expected = np.mean([jax.random.normal(key) for key in keys])
    np.testing.assert_allclose(terms["drawn"], expected, rtol=1e-6)
    assert terms["progress"] == 10 / 40
    assert after.step == 11
    assert after.params["task"]["network"]["x"] == 1 - 2
