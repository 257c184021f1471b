"""Classical detectors with domain adaptation of their own.

They are the answer to whether a network was worth its training: one logistic regression
per AU on landmarks and HOG (`evaluation.baselines`), trained in seconds, and what the
literature does to such features for another domain.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Int

from au_jax.evaluation import baselines, metrics
from au_jax.evaluation.baselines import FaceFeatures, Numbers, Probabilities, regress

_PLAIN = {
    "landmarks_alone": "landmarks alone",
    "hog": "landmarks and HOG",
    "hog_coral": "landmarks and HOG, CORAL",
    "hog_self_training": "landmarks and HOG, self-training",
    "patches": "landmarks and patches",
}
_CENTRED = "_centred"
NAMES = {
    **_PLAIN,
    "hog_recombined": "landmarks and HOG, recombined",
    "patches_recombined": "landmarks and patches, recombined",
    **{f"{k}{_CENTRED}": f"{v}, centred" for k, v in _PLAIN.items()},
}
"""Titles by name. In the centred ones, features are relative to each person's mean."""

_KINDS = {
    "landmarks": baselines.LANDMARKS,
    "hog": baselines.HOG,
    "patches": baselines.PATCHES,
}

_LEAST = 4
"""Images of a person from which a mean is taken."""
_SHARE, _ROUNDS = 0.5, 3  # of self-training
_DRAWS, _FACE = 2, 0.5  # of recombination

Detect = Callable[["SplitFeatures"], Probabilities]


@dataclasses.dataclass(frozen=True)
class SplitFeatures:
    """The features of a split, and whose faces they are."""

    faces: FaceFeatures
    person: Int[np.ndarray, "n"]


def train(name: str, source: SplitFeatures, target: SplitFeatures) -> Detect:
    """Train a detector on the source's labels and the target's faces without labels.

    Args:
        name: One of `NAMES`.
        source: The training split of the source.
        target: The training split of the target.
    """
    method = name.removesuffix(_CENTRED)
    kind = _KINDS[method.split("_")[0]]
    features = baselines.make_numbers(kind, source.faces)
    labels = source.faces.aus, source.faces.known

    def numbers(split: SplitFeatures) -> Numbers:
        x = features(split.faces)
        return centred(x, split.person) if name.endswith(_CENTRED) else x

    x = numbers(source)
    if method == "hog_coral":
        x = coloured(x, numbers(target))
    if method == "hog_self_training":
        detect = self_trained(x, *labels, numbers(target))
    elif method.endswith("_recombined"):
        more, *theirs = recombined(x, *labels, source.person, numbers(target))
        both = (np.concatenate(pair) for pair in zip(labels, theirs, strict=True))
        detect = regress(np.concatenate([x, more]), *both)
    else:
        detect = regress(x, *labels)
    return lambda split: detect(numbers(split))


def centred(x: Numbers, person: Int[np.ndarray, "n"]) -> Numbers:
    """Subtract each person's mean; of people with few images, that of all images.

    It takes the faces as they come, without labels: a neutral face is not known.
    """
    result = x - x.mean(axis=0)
    for number in np.unique(person):
        rows = person == number
        if rows.sum() >= _LEAST:
            result[rows] = x[rows] - x[rows].mean(axis=0)
    return result


def coloured(source: Numbers, target: Numbers) -> Numbers:
    """Give the source's features the mean and covariance of the target's.

    CORAL (Sun, Feng and Saenko 2016, algorithm 1) whitens with the covariance plus the
    identity, and colours with the target's plus the identity. The paper leaves means
    alone, because it normalises the features; here, the target's replaces the source's.
    """

    def covariance(x: Numbers) -> Float[np.ndarray, "c c"]:
        return np.cov(x.T) + np.eye(x.shape[1])

    def power(matrix: Float[np.ndarray, "c c"], exponent: float) -> np.ndarray:
        values, vectors = np.linalg.eigh(matrix)
        return (vectors * values**exponent) @ vectors.T

    change = power(covariance(source), -0.5) @ power(covariance(target), 0.5)
    return (source - source.mean(axis=0)) @ change + target.mean(axis=0)


def self_trained(
    x: Numbers,
    aus: Float[np.ndarray, "n a"],
    known: np.ndarray,
    target: Numbers,
) -> Callable[[Numbers], Probabilities]:
    """Train on the source's labels, then on these and its own answers for the target.

    Per AU, the surest answers count, in the proportion of the source's labels: the
    rule of the stage `mean_teacher`, here in a few rounds.
    """
    detect = regress(x, aus, known)
    rates = metrics.active_rates(aus, known)
    for _ in range(_ROUNDS):
        p = detect(target)
        upper = [
            np.quantile(c, 1 - _SHARE * r) for c, r in zip(p.T, rates, strict=True)
        ]
        lower = [
            np.quantile(c, _SHARE * (1 - r)) for c, r in zip(p.T, rates, strict=True)
        ]
        active, inactive = p >= np.array(upper), p <= np.array(lower)
        detect = regress(
            np.concatenate([x, target]),
            np.concatenate([aus, active.astype(aus.dtype)]),
            np.concatenate([known, active != inactive]),
        )
    return detect


def recombined(
    x: Numbers,
    aus: Float[np.ndarray, "n a"],
    known: Bool[np.ndarray, "n a"],
    person: Int[np.ndarray, "n"],
    target: Float[np.ndarray, "t c"],
) -> tuple[Float[np.ndarray, "m c"], Float[np.ndarray, "m a"], Bool[np.ndarray, "m a"]]:
    """Put expressions of the source on faces of the target; return them with labels.

    This is the paper's recombination (method.md section 3) with vectors that are added.
    An expression is the difference of an image from the mean of its person. From each
    face of the target, the effect of its AUs is subtracted, as a detector trained on
    the source predicts them. What is left of its difference from the target's mean is
    halved; the half is our choice.
    """
    rng = np.random.default_rng(0)
    expressions = _from_means(x, person)
    # What each AU adds to a face, by least squares within people.
    rates = metrics.active_rates(aus, known)
    changes = _from_means(np.where(known, aus, rates), person)
    effects = np.linalg.lstsq(changes, expressions, rcond=None)[0]
    p = regress(x, aus, known)(target)
    neutral = target - (p - p.mean(axis=0)) @ effects
    rows = np.tile(np.arange(len(x)), _DRAWS)
    own = neutral[rng.integers(0, len(target), len(rows))] - target.mean(axis=0)
    new = expressions[rows] + target.mean(axis=0) + _FACE * own
    return new, aus[rows], known[rows]


def _from_means(x: Numbers, person: Int[np.ndarray, "n"]) -> Numbers:
    """Subtract each person's mean."""
    _, of = np.unique(person, return_inverse=True)
    sums = np.zeros((of.max() + 1, x.shape[1]))
    np.add.at(sums, of, x)
    return x - (sums / np.bincount(of)[:, None])[of]
