"""Action units as facial shapes, and how they rise and fade in a sequence."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

AUS = (1, 2, 4, 6, 12, 17)
ACTIVE = 0.3  # the least strength of an active AU; full strength is 1

# The facial units of each action unit at full strength. The units of brows and chin are
# small movements (5 mm), which strong expressions exceed.
UNITS: Mapping[int, Mapping[str, float]] = {
    1: {"browInnerUp": 2.6},
    2: {"browOuterUp": 2.0},
    4: {"browDown": 2.0},
    6: {"cheekSquint": 1.6, "eyeSquint": 0.8},
    12: {"mouthSmile": 1.2},
    17: {"mouthShrugLower": 2.4, "mouthShrugUpper": 1.0},
}
PAIRED = ("browOuterUp", "browDown", "cheekSquint", "eyeSquint", "mouthSmile")

# The greatest strength of other movements, which have no labels.
DISTRACTORS = {
    "jawOpen": 0.45,
    "mouthClose": 0.1,
    "eyeBlink": 0.6,
    "eyeWide": 0.5,
    "noseSneer": 0.5,
    "mouthFrown": 0.6,
    "mouthStretch": 0.5,
    "mouthPucker": 0.5,
    "mouthPress": 0.5,
    "mouthDimple": 0.5,
    "mouthUpperUp": 0.4,
    "mouthLowerDown": 0.4,
    "mouthRollLower": 0.4,
    "mouthLeft": 0.25,
    "mouthRight": 0.25,
    "jawLeft": 0.3,
    "jawRight": 0.3,
    "cheekPuff": 0.4,
}
PAIRED_DISTRACTORS = (
    *("eyeBlink", "eyeWide", "noseSneer", "mouthFrown", "mouthStretch"),
    *("mouthPress", "mouthDimple", "mouthUpperUp", "mouthLowerDown"),
)


@dataclasses.dataclass(frozen=True)
class Expression:
    """A face at one moment."""

    aus: Mapping[int, float]  # the strength of each of AUS, 0..1
    units: Mapping[str, float]  # the weights of facial units, of AUs and distractors

    def active(self) -> dict[int, bool]:
        """Return the labels."""
        return {au: strength >= ACTIVE for au, strength in self.aus.items()}


def draw_sequence(
    rng: np.random.Generator,
    frames: int,
    rates: Mapping[int, float],
    together: Mapping[tuple[int, int], float],
    distraction: float,
) -> list[Expression]:
    """Draw a sequence of expressions that rise, hold and fade as in a video.

    Args:
        rng: The source of randomness.
        frames: The length of the sequence.
        rates: AU -> the share of sequences in which it becomes active.
        together: Pair of AUs -> how often the second one copies the first.
        distraction: The probability of each other movement.
    """
    active = {au: bool(rng.random() < rates[au]) for au in AUS}
    for (first, second), chance in together.items():
        if rng.random() < chance:
            active[second] = active[first]
    apex = {
        au: rng.uniform(0.55, 1) if active[au] else rng.beta(1, 6) * ACTIVE
        for au in AUS
    }
    side = {unit: rng.uniform(0.85, 1.15) for unit in PAIRED}
    others = {
        unit: strength * rng.uniform(0.2, 1)
        for unit, strength in DISTRACTORS.items()
        if rng.random() < distraction
    }
    course = _course(rng, frames)
    return [
        Expression(
            {au: float(np.clip(apex[au] * at, 0, 1)) for au in AUS},
            _units({au: apex[au] * at for au in AUS}, side, others, other_at),
        )
        for at, other_at in zip(course, _course(rng, frames), strict=True)
    ]


def _course(rng: np.random.Generator, frames: int) -> Float[np.ndarray, " f"]:
    """Draw strengths over time, 0..1: a parabola with its peak anywhere."""
    time = np.linspace(0, 1, frames) if frames > 1 else np.array([0.5])
    top, width = rng.uniform(0.2, 0.8), rng.uniform(0.8, 1.6)
    rise = np.clip(1 - ((time - top) / width) ** 2, 0, 1)
    return np.clip(rise * rng.uniform(0.95, 1.05, frames), 0, 1)


def _units(
    aus: Mapping[int, float],
    side: Mapping[str, float],
    others: Mapping[str, float],
    other_at: float,
) -> dict[str, float]:
    weights: dict[str, float] = {}
    for au, strength in aus.items():
        for unit, share in UNITS[au].items():
            _add(weights, unit, strength * share, unit in PAIRED, side.get(unit, 1.0))
    for unit, strength in others.items():
        _add(weights, unit, strength * other_at, unit in PAIRED_DISTRACTORS, 1.0)
    return weights


def _add(
    weights: dict[str, float], unit: str, weight: float, paired: bool, side: float
) -> None:
    """Add a unit; a paired one has the weight `side` left and 2 - `side` right."""
    names = {f"{unit}Left": side, f"{unit}Right": 2 - side} if paired else {unit: 1.0}
    for name, share in names.items():
        weights[name] = weights.get(name, 0.0) + float(weight * share)
