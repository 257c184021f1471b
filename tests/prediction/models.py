"""A small untrained model, whose meaningless results depend on every pixel."""

import functools
from typing import Any

import jax

from au_jax.model_file import card as cards
from au_jax.model_file.file import Model, prune, with_digest
from tests.stages.small import draw, small_config


@functools.cache
def small_model(stage: str = "joint") -> Model:
    config = small_config()
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
