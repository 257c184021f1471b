"""What a model file says about its model."""

import math
from typing import Any

from ml_collections import ConfigDict

from au_jax.errors import UserError
from au_jax.types import Config

FORMAT = 1  # of the file; other readers refuse it when it grows

# What prediction needs of a stage's networks: method.md section 7.
PREDICTORS = ("joint", "finetune", "supervised")

_WIDTHS = (0.01, 8.0)
_LARGEST_CROP = 1024
_LARGEST_AU = 99


def network_config(card: dict[str, Any]) -> Config:
    """The part of a run's config that the networks are made of."""
    return ConfigDict(card["networks"])


def pick_config(config: Config) -> dict[str, Any]:
    """The same, out of a run's config: what `network_config` will give back."""
    return {
        "data": {"aus": list(config.data.aus), "crop": config.data.crop},
        "model": config.model.to_dict(),
        "loss": config.loss.to_dict(),
    }


def check(card: Any, where: str) -> None:
    """Raises a `UserError` where the card is no card, or one that nobody wrote.

    Its numbers decide how much memory is taken, so they have limits.
    """

    def need(good: bool, what: str) -> None:
        if not good:
            raise UserError(f"{where} is no usable model file: {what}")

    need(isinstance(card, dict), "its card is no JSON object")
    version = card.get("format")
    need(
        version == FORMAT,
        f"its format is {version!r}, this version of au_jax reads {FORMAT}",
    )
    need(card.get("stage") in PREDICTORS, f"unknown stage {card.get('stage')!r}")
    networks = card.get("networks")
    groups = ("data", "model", "loss")
    need(
        isinstance(networks, dict)
        and all(isinstance(networks.get(group), dict) for group in groups),
        "its card describes no networks",
    )
    aus, crop = networks["data"].get("aus"), networks["data"].get("crop")
    need(
        isinstance(aus, list)
        and 0 < len(aus) == len(set(map(str, aus)))
        and all(_whole(au, 1, _LARGEST_AU) for au in aus),
        "its AUs are no list of different numbers",
    )
    need(_whole(crop, 128, _LARGEST_CROP) and crop % 16 == 0, f"crop {crop!r}")
    model = networks["model"]
    need(_real(model.get("width"), *_WIDTHS), f"width {model.get('width')!r}")
    need(_whole(model.get("reduction"), 1, 1024), "reduction is no number")
    need(model.get("dtype") in ("float32", "bfloat16"), "unknown arithmetic")
    weights = networks["loss"].values()
    need(all(_real(w, -1e9, 1e9) for w in weights), "its loss weights are no numbers")
    alignment = card.get("alignment")
    need(
        isinstance(alignment, dict)
        and _whole(alignment.get("size"), 16, 2048)
        and _real(alignment.get("enlarge"), 0.1, 20.0),
        "its alignment is no alignment",
    )
    thresholds = card.get("thresholds")
    need(
        isinstance(thresholds, list)
        and len(thresholds) == len(aus)
        and all(_real(t, 0.0, 1.0) for t in thresholds),
        "it has not one threshold for each AU",
    )


def _whole(value: Any, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high


def _real(value: Any, low: float, high: float) -> bool:
    number = type(value) in (int, float)
    return number and math.isfinite(value) and low <= value <= high
