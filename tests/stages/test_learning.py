"""The methods of adaptation, and t2net, learn a batch by heart.

Expected: the terms that they descend fall. Networks that stay as they are would leave
each term where it was. Stages without labels are tested in test_embedding_stages.py.
"""

import jax
import numpy as np
import pytest

from tests.stages.small import build, make_step, random_batch, small_config

# For each stage: its settings, so that few steps teach all; its steps; and the largest
# share of each term that may be left.
FAST = {"learning_rate": 3e-3}
LEARNED = {
    "dann": (FAST, 30, {"au": 0.5, "domain": 0.5}),
    "coral": (FAST, 30, {"au": 0.5}),
    "mmd": (FAST, 30, {"au": 0.5, "mmd": 0.5}),
    "entropy": (FAST, 30, {"au": 0.5, "entropy": 0.8}),
    # The first labels of a teacher that knows nothing are noise.
    "mean_teacher": (FAST | {"weight": 0.1}, 40, {"au": 0.5}),
}


def learn(stage, config, steps, names, batch_size):
    """Return the values of some terms, step by step, on one batch."""
    state, optimizers = build(stage, config)
    step = jax.jit(make_step(stage, config, optimizers))
    batch = random_batch(config, batch_size=batch_size)
    values = []
    for _ in range(steps):
        state, terms = step(state, batch)
        values.append([float(terms[name]) for name in names])
    return np.array(values)


def assert_fallen(values, left):
    first, last = values[0], values[-5:].mean(axis=0)
    assert (last < first * list(left.values())).all(), (left, first, last)


@pytest.mark.slow
@pytest.mark.parametrize("stage", LEARNED)
def test_it_learns_a_batch(stage):
    settings, steps, left = LEARNED[stage]
    config = small_config()
    config[stage].update(settings)
    assert_fallen(learn(stage, config, steps, left, batch_size=4), left)


@pytest.mark.slow
def test_the_encoder_of_adda_deceives_a_slow_discriminator():
    """With a frozen encoder, `mapping` would rise, because the discriminator learns."""
    config = small_config()
    config.optim.task.learning_rate = 1e-3
    left = {"mapping": 0.7}
    assert_fallen(learn("adda", config, 25, left, batch_size=4), left)


@pytest.mark.slow
def test_t2net_learns_to_keep_images_of_the_target_and_to_detect():
    config = small_config()
    config.t2net.learning_rate = 1e-3
    left = {"au": 0.75, "identity": 0.8}
    assert_fallen(learn("t2net", config, 16, left, batch_size=2), left)
