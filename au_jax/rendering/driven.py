"""Draw the expressions that a photograph is given: 15 AUs as facial shapes."""

from collections.abc import Mapping

import numpy as np

from au_jax.rendering.expression import ACTIVE, Expression

# The facial units of each AU at full strength; the skin of a photograph takes smaller
# movements than that of a rendered head before it looks drawn.
UNITS: Mapping[int, Mapping[str, float]] = {
    1: {"browInnerUp": 1.8},
    2: {"browOuterUp": 1.4},
    4: {"browDown": 1.5},
    6: {"cheekSquint": 1.1, "eyeSquint": 0.6},
    7: {"eyeSquint": 1.0},
    10: {"mouthUpperUp": 0.8, "noseSneer": 0.3},
    12: {"mouthSmile": 1.0},
    14: {"mouthDimple": 1.2},
    15: {"mouthFrown": 1.1},
    17: {"mouthShrugLower": 1.9, "mouthShrugUpper": 0.8},
    23: {"mouthRollUpper": 0.5, "mouthRollLower": 0.5, "mouthPucker": 0.2},
    24: {"mouthPress": 1.2},
    25: {"mouthUpperUp": 0.4, "mouthLowerDown": 0.5},
    26: {"jawOpen": 0.4},
    43: {"eyeBlink": 0.95},
}
AUS = tuple(UNITS)

RATES: Mapping[int, float] = {
    1: 0.35, 2: 0.3, 4: 0.3, 6: 0.35, 7: 0.12, 10: 0.1, 12: 0.35, 14: 0.08,
    15: 0.1, 17: 0.3, 23: 0.06, 24: 0.06, 25: 0.15, 26: 0.12, 43: 0.06,
}  # fmt: skip
"""The share of pictures in which an AU is active."""

OTHERS: Mapping[str, float] = {
    "eyeWide": 0.4,
    "mouthStretch": 0.4,
    "mouthPucker": 0.4,
    "mouthLeft": 0.25,
    "mouthRight": 0.25,
    "jawLeft": 0.25,
    "jawRight": 0.25,
}
"""The greatest strength of movements that have no label here."""

PAIRED = frozenset(
    (
        *("browOuterUp", "browDown", "cheekSquint", "eyeBlink", "eyeSquint", "eyeWide"),
        *("mouthDimple", "mouthFrown", "mouthLowerDown", "mouthPress", "mouthSmile"),
        *("mouthStretch", "mouthUpperUp", "noseSneer"),
    )
)

TOGETHER = 0.4  # how often cheeks rise with a smile, and outer brows with inner ones
TEETH = 0.5  # how often a smile parts the lips
DISTRACTION = 0.04  # the probability of each of OTHERS


def draw(rng: np.random.Generator) -> Expression:
    """Draw an expression; AUs below `ACTIVE` are traces, which most faces have."""
    active = {au: bool(rng.random() < rate) for au, rate in RATES.items()}
    for first, second in ((12, 6), (1, 2)):
        if rng.random() < TOGETHER:
            active[second] = active[first]
    if active[12] and rng.random() < TEETH:
        active[25] = True
    if active[26]:
        active[25] = active[24] = False  # the open jaw parts the lips
    if active[43]:
        active[7] = False
    aus = {
        au: float(rng.uniform(ACTIVE, 1) if on else rng.beta(1, 6) * ACTIVE)
        for au, on in active.items()
    }
    weights: dict[str, float] = {}
    for au, strength in aus.items():
        for unit, share in UNITS[au].items():
            _add(weights, unit, strength * share, rng.uniform(0.85, 1.15))
    for unit, strength in OTHERS.items():
        if rng.random() < DISTRACTION:
            _add(weights, unit, strength * rng.uniform(0.2, 1), 1.0)
    if active[26]:
        aus[25] = aus[26]
    return Expression(aus, weights)


def _add(weights: dict[str, float], unit: str, weight: float, side: float) -> None:
    """Add a unit; a paired one has the share `side` left and 2 - `side` right."""
    names = {unit: 1.0}
    if unit in PAIRED:
        names = {f"{unit}Left": side, f"{unit}Right": 2 - side}
    for name, share in names.items():
        weights[name] = weights.get(name, 0.0) + float(weight * share)
