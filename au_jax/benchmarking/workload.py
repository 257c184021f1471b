"""A stage's training step, with a state and a random batch to run it on."""

from typing import Any

import jax
import numpy as np

from au_jax.stages import STAGES
from au_jax.stages import state as train_state
from au_jax.stages.state import Optimizers, TrainState, TrainStep
from au_jax.training import optimizers as optim
from au_jax.training.step import build_train_step
from au_jax.types import Batch, Config, Variables
from au_jax.workdir.best_networks import network_shapes
from au_jax.workdir.initial_networks import fresh_networks

NUM_STEPS = 10**6
"""Steps of the stage that is measured; only schedules depend on it."""


def make_workload(stage: str, config: Config) -> tuple[TrainStep, TrainState, Batch]:
    """Return the step as training compiles it, a fresh state, and a random batch."""
    variables = fresh_networks(stage, config)
    step, optimizers = _make_step(stage, config, variables)
    return step, train_state.create(variables, optimizers), random_batch(config, stage)


def workload_shapes(stage: str, config: Config) -> tuple[TrainStep, Any, Any]:
    """Return the same with state and batch as shapes, without computing anything."""
    variables = network_shapes(stage, config)
    step, optimizers = _make_step(stage, config, variables)
    state = jax.eval_shape(lambda v: train_state.create(v, optimizers), variables)
    return step, state, jax.eval_shape(lambda: random_batch(config, stage))


def _make_step(
    stage: str, config: Config, variables: Variables
) -> tuple[TrainStep, Optimizers]:
    optimizers = optim.make_optimizers(config, stage, variables.params, NUM_STEPS)
    weight = np.ones(len(config.data.aus), np.float32)
    step = build_train_step(stage, config, optimizers, weight, NUM_STEPS)
    return step, optimizers


def random_batch(config: Config, stage: str) -> Batch:
    """Return random images and labels in the shapes of a training batch."""
    domains = len(STAGES[stage].domains(config))
    random, crop = np.random.default_rng(0), config.data.crop
    leading, aus = (domains, config[stage].batch_size), len(config.data.aus)
    image = random.integers(0, 256, (*leading, crop, crop, 3), np.uint8)
    return Batch(
        image=image,
        landmarks=random.uniform(0, 1, (*leading, 49, 2)).astype(np.float32),
        cells=random.integers(0, (crop // 4) ** 2, (*leading, 49), np.int32),
        aus=random.integers(0, 2, (*leading, aus)).astype(np.float32),
        aus_known=np.ones((*leading, aus), bool),
        person=random.integers(0, 9, leading, np.int32),
    )
