"""Classical detectors with domain adaptation of their own.

They are the answer to whether a network was worth its training: one logistic regression
per AU on landmarks and HOG (`evaluation.baselines`), trained in seconds, and what the
literature does to such features for another domain.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from au_jax.evaluation import baselines
from au_jax.evaluation.baselines import Faces, Numbers, Probabilities, regress

_PLAIN = {
    "landmarks_alone": "landmarks alone",
    "hog": "landmarks and HOG",
    "hog_coral": "landmarks and HOG, CORAL",
    "hog_self_training": "landmarks and HOG, self-training",
}
_CENTRED = "_centred"
NAMES = _PLAIN | {f"{k}{_CENTRED}": f"{v}, centred" for k, v in _PLAIN.items()}
"""Titles by name. In the centred ones, features are relative to each person's mean."""

_LEAST = 4
"""Images of a person from which a mean is taken."""
_SHARE, _ROUNDS = 0.5, 3  # of self-training

Detect = Callable[["Split"], Probabilities]


@dataclasses.dataclass(frozen=True)
class Split:
    """The features of a split, and whose faces they are."""

    faces: Faces
    person: Int[np.ndarray, "n"]


def train(name: str, source: Split, target: Split) -> Detect:
    """Train a detector on the source's labels and the target's faces without labels.

    Args:
        name: One of `NAMES`.
        source: The training split of the source.
        target: The training split of the target.
    """
    method = name.removesuffix(_CENTRED)
    kind = baselines.LANDMARKS if method == "landmarks_alone" else baselines.HOG
    features = baselines.make_numbers(kind, source.faces)
    labels = source.faces.aus, source.faces.known

    def numbers(split: Split) -> Numbers:
        x = features(split.faces)
        return centred(x, split.person) if name.endswith(_CENTRED) else x

    x = numbers(source)
    if method == "hog_coral":
        x = coloured(x, numbers(target))
    if method == "hog_self_training":
        detect = self_trained(x, *labels, numbers(target))
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
    rates = (aus * known).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
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
