"""A model small enough for tests, and random batches for it."""

from typing import Any, cast

import jax
import numpy as np

from au_jax.stages import STAGES, state
from au_jax.training import optimizers as optim
from au_jax.types import Batch
from configs import joint as joint_config

AUS = (1, 12)
AU_WEIGHT = np.ones(len(AUS), np.float32)


def small_config(**loss: float) -> Any:
    """Return the paper's model at an eighth of its width, with other loss weights.

    Two AUs compile in three quarters of the time that six take.
    """
    config = joint_config.get_config("tiny")
    config.data.aus = AUS
    config.loss.update(loss)
    return config


def random_batch(
    config, seed: int = 0, batch_size: int = 2, num_domains: int = 2
) -> Batch:
    """Return noise with labels for the first domain."""
    rng = np.random.default_rng(seed)
    d, b, c = num_domains, batch_size, config.data.crop
    a, cells = len(config.data.aus), (c // 4) ** 2
    known = np.zeros((d, b, a), bool)
    known[0] = True
    batch = {
        "image": rng.uniform(-1, 1, (d, b, c, c, 3)).astype(np.float32),
        "landmarks": rng.uniform(0.1, 0.9, (d, b, 49, 2)).astype(np.float32),
        "cells": rng.integers(0, cells, (d, b, 49)).astype(np.int32),
        "aus": (rng.random((d, b, a)) < 0.4).astype(np.float32) * known,
        "aus_known": known,
    }
    return cast(Batch, batch)


def build(stage: str, config, num_steps: int = 100):
    """Return a fresh state of a stage, and its optimizers."""
    init = jax.jit(lambda key: STAGES[stage].init(config, key))
    variables = init(jax.random.key(0))
    optimizers = optim.make_optimizers(config, stage, variables.params, num_steps)
    return state.create(variables, optimizers), optimizers
