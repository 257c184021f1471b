"""A small untrained model, whose meaningless results depend on every pixel."""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from au_jax.model_file import card as cards
from au_jax.model_file.file import Model, prune, with_digest
from au_jax.prediction.crop import Crop
from tests.stages.small import draw, small_config


@functools.cache
def small_model(
    stage: str = "joint", pooling: str = "global", attention: str = "detected"
) -> Model:
    config = small_config()
    config.model.au_pooling, config.model.attention = pooling, attention
    variables = jax.device_get(draw(stage, config))
    card: dict[str, Any] = {
        "format": cards.FORMAT,
        "stage": stage,
        "networks": cards.describe_networks(config),
        "alignment": {"size": 200, "enlarge": 2.8},
        "thresholds": [0.5] * len(config.data.aus),
        "training": {},
    }
    return with_digest(Model(card, prune(variables)))


def landmarks_of(count: int) -> np.ndarray:
    """Return random landmarks for so many crops, in units of the crop side."""
    rng = np.random.default_rng(count)
    return rng.uniform(0.2, 0.8, (count, 49, 2)).astype(np.float32)


def crops_of(faces: Sequence[np.ndarray] | np.ndarray) -> list[Crop]:
    """Return images as crops, with the landmarks of `landmarks_of`."""
    return [Crop(*face) for face in zip(faces, landmarks_of(len(faces)), strict=True)]
