"""A model small enough for tests, and random batches for it."""

from typing import Any, cast

import jax
import numpy as np
import pytest

from au_jax.stages import STAGES, networks, state
from au_jax.training import optimizers as optim
from au_jax.types import Batch, Variables
from au_jax.workdir.best_networks import network_shapes
from configs import joint as joint_config

AUS = (1, 12)
AU_WEIGHT = np.array([0.5, 1.5], np.float32)
NUM_STEPS = 100

# One of them by default: each costs seconds to compile. `dann` has both domains, batch
# norm and a discriminator.
every_stage = pytest.mark.parametrize(
    "stage",
    [
        pytest.param(stage, marks=[] if stage == "dann" else [pytest.mark.slow])
        for stage in STAGES
        if stage != "finetune"  # the code of joint
    ],
)


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
        "person": rng.integers(0, 3, (d, b)).astype(np.int32),
    }
    return cast(Batch, batch)


def draw(stage: str, config) -> Variables:
    """Return the networks of a stage with random kernels; projectors as they start.

    A stage's own `init` takes seconds to compile.
    """
    # A gate of CBAM has one hidden unit at this width, dead in half of all draws.
    rng = np.random.default_rng(3)

    def draw_leaf(path: tuple[Any, ...], leaf: jax.ShapeDtypeStruct) -> np.ndarray:
        name, shape = path[-1].key, leaf.shape
        if name == "kernel":
            spread = 1 / np.sqrt(np.prod(shape[:-1]))
            return rng.normal(0, spread, shape).astype(leaf.dtype)
        values = {"bias": 0, "scale": 1, "negative_slope": 0.25, "mean": 0, "var": 1}
        values |= {"embedding": 0, "person": -1, "place": 0}  # of an empty memory
        values |= {"active": 0.5, "upper": 0.55, "lower": 0.45}
        return np.full(shape, values[name], leaf.dtype)

    drawn = jax.tree_util.tree_map_with_path(draw_leaf, network_shapes(stage, config))
    projector = networks.make_networks(config).projector
    if stage == "joint" and projector is not None:
        width = drawn.params["discriminator"]["landmark"]["ConvBlock_0"]["conv"]
        on_attention = config.loss.alignment_landmark_on == "attention"
        for name in drawn.params["generator"]:
            if name.startswith("projector"):
                one = name == "projector_landmark" and on_attention
                x = np.zeros((1, 2, 2, 1 if one else width["kernel"].shape[2]))
                drawn.params["generator"][name] = projector.init(
                    jax.random.key(0), x.astype(np.float32)
                )["params"]
    return jax.device_put(drawn)


def build(stage: str, config):
    """Return a fresh state of a stage, and its optimizers."""
    variables = draw(stage, config)
    optimizers = optim.make_optimizers(config, stage, variables.params, NUM_STEPS)
    return state.create(variables, optimizers), optimizers


def make_step(stage: str, config, optimizers):
    """Return the training step of a stage, not compiled."""
    return STAGES[stage].make_train_step(config, optimizers, AU_WEIGHT, NUM_STEPS)
