"""The step of a game. Expected: gradients of a game of three numbers, by hand."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from au_jax.stages import adversarial
from au_jax.stages.state import create, microbatch_key
from au_jax.types import Variables
from tests.stages.small import random_batch, small_config


class Toy:
    """The players answer y = 2 x; the discriminator w wants to be y."""

    def run(self, players, stats, batch, key):
        outputs = {
            "y": 2 * players["task"]["net"]["x"],
            "drawn": jax.random.normal(key),
        }
        return outputs, {"task": {"passes": stats["task"]["passes"] + 1}}

    def discriminator_terms(self, discriminators, outputs, batch):
        w = discriminators["net"]["w"]
        return {"own": (w - outputs["y"]) ** 2, "theirs": 3 * w + outputs["drawn"]}

    def player_terms(self, outputs, discriminators, batch):
        y, w = outputs["y"], discriminators["net"]["w"]
        return {"one": w * y, "two": y**2, "drawn": outputs["drawn"]}


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("due", [True, False])
def test_players_learn_against_the_discriminators_that_have_learned(count, due):
    config: Any = small_config()
    config.accumulation = count
    params = {"task": {"net": {"x": jnp.ones(())}}}
    params["discriminator"] = {"net": {"w": jnp.full((), 3.0)}}
    optimizers = {"task": optax.sgd(0.1), "discriminator": optax.sgd(0.1)}
    stats = {"task": {"passes": jnp.zeros(())}}
    state = create(Variables(params, stats), optimizers).replace(step=jnp.int32(10))
    weights = {"one": 0.5, "two": 0.25, "drawn": 0.0}
    step = adversarial.make_train_step(
        config, optimizers, Toy(), weights, lambda step: (step == 10) & due
    )
    after, terms = jax.jit(step)(state, random_batch(config))
    x, y, w = 1, 2, 3
    learned = w - 0.1 * (2 * (w - y) + 3) if due else w
    slope = 2 * (0.5 * learned + 0.25 * 2 * y)
    keys = [microbatch_key(config, jnp.int32(10), jnp.int32(i)) for i in range(count)]
    drawn = np.mean([jax.random.normal(key) for key in keys])
    expected = {
        "own": (w - y) ** 2,
        "theirs": 3 * w + drawn,
        "one": learned * y,
        "two": y**2,
        "drawn": drawn,
        "total": 0.5 * learned * y + 0.25 * y**2,
        "gradient_norm/task/net": slope,
        "gradient_norm/discriminator/net": 2 * (w - y) + 3,
    }
    assert terms.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(terms[name], value, rtol=1e-6, err_msg=name)
    found = after.params["discriminator"]["net"]["w"], after.params["task"]["net"]["x"]
    np.testing.assert_allclose(found, [learned, x - 0.1 * slope], rtol=1e-6)
    assert after.batch_stats["task"]["passes"] == count
    assert after.step == 11
