"""The card of a model: the JSON object that describes it in a model file."""

from collections.abc import Callable
from typing import Any, get_args

from ml_collections import ConfigDict

from au_jax.errors import UserError
from au_jax.faces import detect
from au_jax.faces.detect import LandmarksBy
from au_jax.models.au_detector import Pooling
from au_jax.stages import SEEING_LANDMARKS, SEPARATING, STAGES, WITHOUT_AUS
from au_jax.stages.networks import PROJECTORS
from au_jax.types import AU_PATHS, Config
from au_jax.workdir.config import upgraded
from au_jax.workdir.intensities import STRONGEST
from au_jax.workdir.thresholds import NEVER, is_threshold

FORMAT = 1
"""Version of the file format; readers refuse versions that they do not know."""

PREDICTORS = tuple(stage for stage in STAGES if stage not in WITHOUT_AUS)
"""Stages whose networks predict AUs (method.md section 7)."""

_WIDTHS = (0.01, 8.0)
_LARGEST_CROP = 1024
_LARGEST_AU = 99
_MOST_KNOTS = 1000

Require = Callable[[bool, str], None]
"""Raises a `UserError` that states a problem, unless its first argument is True."""


def au_paths(card: dict[str, Any]) -> tuple[str, ...]:
    """Return the AU paths of a model, its default first.

    Only `joint` and `finetune` separate features. Files of older versions name no
    default.
    """
    if card["stage"] not in SEPARATING:
        return ("direct",)
    default = card.get("path", AU_PATHS[0])
    return default, *(path for path in AU_PATHS if path != default)


def select_au_path(card: dict[str, Any], path: str | None) -> str:
    """Return `path`, or the model's first AU path if it is None.

    Raises:
        UserError: the model has no such path.
    """
    available = au_paths(card)
    if path is not None and path not in available:
        has = " and ".join(available)
        raise UserError(f"--path={path} (path= in Python): this model has {has}")
    return path or available[0]


def sees_landmarks(card: dict[str, Any]) -> bool:
    """Return whether a model takes the landmarks of a face, not only its image."""
    model, stage = card["networks"]["model"], card["stage"]
    in_generator = stage in SEPARATING and model.get("attention") == "true"
    in_head = model.get("au_pooling") == "landmarks" or stage in SEEING_LANDMARKS
    return in_head or in_generator


def landmarks_by(card: dict[str, Any]) -> LandmarksBy:
    """Return the method to find landmarks as the model saw them in training."""
    method = card["alignment"].get("landmarks_by", "dlib68")  # older files name none
    assert detect.is_method(method)
    return method


def without_arrays(card: dict[str, Any]) -> dict[str, Any]:
    """Return the card without its index of arrays, for people to read."""
    return {key: value for key, value in card.items() if key != "arrays"}


def network_config(card: dict[str, Any]) -> Config:
    """Return the part of a run's config that the networks are built from."""
    return ConfigDict(upgraded(card["networks"]))


def describe_networks(config: Config) -> dict[str, Any]:
    """Return the card's entry `networks`, from which `network_config` is made."""
    return {
        "data": {"aus": list(config.data.aus), "crop": config.data.crop},
        "model": config.model.to_dict(),
        "loss": config.loss.to_dict(),
    }


def check(card: Any, where: str) -> None:
    """Raise a `UserError` if a card is malformed or its values are out of range.

    The values decide how much memory the networks take, so each has a limit.

    Args:
        card: The parsed JSON of a file that nobody vouches for.
        where: The name of the file, for the message.
    """

    def require(valid: bool, problem: str) -> None:
        if not valid:
            raise UserError(f"{where} is not a usable model file: {problem}")

    require(isinstance(card, dict), "its card is not a JSON object")
    require(_is_printable(card), "its card has control characters")
    version = card.get("format")
    require(
        version == FORMAT,
        f"its format is {version!r}, but this version of au_jax reads {FORMAT}",
    )
    require(card.get("stage") in PREDICTORS, f"unknown stage {card.get('stage')!r}")
    num_aus = _check_networks(card.get("networks"), require)
    require(card.get("path", AU_PATHS[0]) in AU_PATHS, f"path {card.get('path')!r}")
    require(isinstance(card.get("training"), dict), "its card has no entry `training`")
    require(isinstance(card.get("versions", {}), dict), "its versions are no object")
    alignment = card.get("alignment")
    require(
        isinstance(alignment, dict)
        and _is_integer(alignment.get("size"), 16, 2048)
        and _is_number(alignment.get("enlarge"), 0.1, 20.0),
        "its alignment is missing or out of range",
    )
    by = alignment.get("landmarks_by", "dlib68")
    require(isinstance(by, str) and detect.is_method(by), f"landmarks by {by!r}")
    limits = card.get("thresholds")
    require(
        _are_numbers(limits, num_aus, NEVER) and all(map(is_threshold, limits)),
        "it does not have one threshold from 0 to 1 for each AU",
    )
    _check_usual(card.get("usual", {}), num_aus, require)
    _check_intensity(card.get("intensity", {}), num_aus, require)


def _check_networks(networks: Any, require: Require) -> int:
    """Check the entry `networks`, and return the number of AUs."""
    groups = ("data", "model", "loss")
    require(
        isinstance(networks, dict)
        and all(isinstance(networks.get(group), dict) for group in groups),
        "its card does not describe the networks",
    )
    aus, crop = networks["data"].get("aus"), networks["data"].get("crop")
    require(
        isinstance(aus, list)
        and 0 < len(aus) == len(set(map(str, aus)))
        and all(_is_integer(au, 1, _LARGEST_AU) for au in aus),
        "its AUs are not a list of distinct numbers",
    )
    require(_is_integer(crop, 128, _LARGEST_CROP) and crop % 16 == 0, f"crop {crop!r}")
    try:
        networks = upgraded(networks)
    except (KeyError, TypeError, ValueError):
        require(False, "its card does not describe the networks")
    model, loss = networks["model"], networks["loss"]
    require(_is_number(model.get("width"), *_WIDTHS), f"width {model.get('width')!r}")
    require(
        _is_integer(model.get("reduction"), 1, 1024),
        f"reduction {model.get('reduction')!r}",
    )
    require(
        model.get("dtype") in ("float32", "bfloat16"), f"dtype {model.get('dtype')!r}"
    )
    require("projector" in model, "its card names no projector")
    projector, pooling = model.get("projector"), model.get("au_pooling")
    attention = model.get("attention")
    require(attention in ("detected", "true"), f"attention {attention!r}")
    require(
        isinstance(projector, str) and projector in PROJECTORS,
        f"projector {projector!r}",
    )
    require(pooling in get_args(Pooling), f"pooling {pooling!r}")
    resting = model.get("resting_patches")
    require(isinstance(resting, bool), f"resting patches {resting!r}")
    landmark_on = loss.pop("alignment_landmark_on")
    require(landmark_on in ("features", "attention"), f"alignment on {landmark_on!r}")
    require(
        all(_is_number(w, -1e9, 1e9) for w in loss.values()),
        "a loss weight is not a finite number",
    )
    return len(aus)


def _check_usual(usual: Any, num_aus: int, require: Require) -> None:
    """Check the entry `usual`: by path, answers for "all" faces and "neutral" ones."""
    require(
        isinstance(usual, dict)
        and all(
            path in AU_PATHS
            and isinstance(levels, dict)
            and set(levels) == {"all", "neutral"}
            and all(_are_probabilities(values, num_aus) for values in levels.values())
            for path, levels in usual.items()
        ),
        "its usual answers are not one probability from 0 to 1 for each AU",
    )


def _check_intensity(entry: Any, num_aus: int, require: Require) -> None:
    """Check the entry `intensity`: by AU, intensities at rising probabilities."""
    if entry == {}:
        return
    problem = "its intensities are not 0 to 5 at rising probabilities"
    require(isinstance(entry, dict), problem)
    knots, curves = entry.get("probabilities"), entry.get("intensities")
    require(
        isinstance(knots, list)
        and 2 <= len(knots) <= _MOST_KNOTS
        and _are_probabilities(knots, len(knots))
        and knots == sorted(set(knots))
        and entry.get("path") in AU_PATHS
        and isinstance(curves, list)
        and len(curves) == num_aus,
        problem,
    )
    for curve in curves:
        require(
            curve is None
            or (
                isinstance(curve, list)
                and len(curve) == len(knots)
                and all(_is_number(value, 0.0, STRONGEST) for value in curve)
            ),
            problem,
        )


def _are_probabilities(values: Any, count: int) -> bool:
    return _are_numbers(values, count, 1.0)


def _are_numbers(values: Any, count: int, most: float) -> bool:
    return (
        isinstance(values, list)
        and len(values) == count
        and all(_is_number(value, 0.0, most) for value in values)
    )


def _is_printable(value: Any) -> bool:
    """True if no text in a JSON value could steer a terminal."""
    if isinstance(value, dict):
        return all(map(_is_printable, (*value.keys(), *value.values())))
    if isinstance(value, list):
        return all(map(_is_printable, value))
    return not isinstance(value, str) or value.isprintable()


def _is_integer(value: Any, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high


def _is_number(value: Any, low: float, high: float) -> bool:
    number = type(value) in (int, float)
    # A comparison comes first: 10^400 is no float. NaN and infinities fail it, too.
    return number and low <= value <= high
