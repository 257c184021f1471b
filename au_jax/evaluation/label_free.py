"""Scores of a detector's answers for images without labels; higher is better.

In the wild nobody has labels by which to choose a checkpoint. These scores use the
probabilities of the target's images, and at most labels of the source. Each was made
for classes that exclude each other; here, an AU is a class and its complement, with the
probabilities [p, 1 - p], and the score is the mean over AUs. Which of them chooses well
is a question for measurement: docs/results.md has the answer so far.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float

from au_jax.workdir.thresholds import between

MOST_IMAGES = 2_000
"""Of more, equally spaced ones count: `snd` compares each with each."""

_TEMPERATURE = 0.05  # of `snd`, as in its paper

Probabilities = Float[np.ndarray, "n a"]


def entropy(p: Probabilities) -> float:
    """Return minus the mean entropy of the answers in nats: sure answers are good."""
    return -float(_binary_entropy(p).mean())


def information(p: Probabilities) -> float:
    """Return the mutual information of image and answer in nats.

    The entropy of the mean answer minus the mean entropy: sure answers are good, and
    so are different ones (Shi and Sha 2012).
    """
    return float(_binary_entropy(p.mean(axis=0)).mean()) + entropy(p)


def nuclear_norm(p: Probabilities) -> float:
    """Return the nuclear norm of the n x 2 answers, 1 at most (Cui et al. 2020, BNM).

    It is large if the answers are sure, and both answers occur.
    """
    answers = np.stack([p, 1 - p], axis=-1).swapaxes(0, 1).astype(np.float64)
    norms = np.linalg.svd(answers, compute_uv=False).sum(axis=-1)
    return float((norms / np.sqrt(2 * len(p))).mean())


def snd(p: Probabilities) -> float:
    """Return the soft neighbourhood density in nats (Saito et al. 2021, section 3.3).

    The answers of an image are compared with those of each other image. It is large if
    the images form dense clusters.
    """
    if len(p) < 2:
        return 0.0
    answers = np.concatenate([p, 1 - p], axis=1).astype(np.float64)
    answers /= np.linalg.norm(answers, axis=1, keepdims=True)
    similarity = answers @ answers.T / _TEMPERATURE
    np.fill_diagonal(similarity, -np.inf)
    similarity -= similarity.max(axis=1, keepdims=True)
    exponential = np.exp(similarity)
    total = exponential.sum(axis=1)
    np.fill_diagonal(similarity, 0.0)  # 0 * exp(-inf) would be NaN
    expected = (exponential * similarity).sum(axis=1) / total
    return float((np.log(total) - expected).mean())


def co_occurrence(
    p: Probabilities,
    source_aus: Float[np.ndarray, "m a"],
    source_known: Bool[np.ndarray, "m a"],
) -> float:
    """Return minus the mean difference of correlations: target answers, source labels.

    The correlations are those of each pair of AUs. 0 is the best, and the value for a
    single AU. This score is ours.
    """
    count = p.shape[1]
    differences = []
    for one in range(count):
        for other in range(one):
            both = source_known[:, one] & source_known[:, other]
            labels = source_aus[both]
            of_labels = _correlation(labels[:, one], labels[:, other])
            of_answers = _correlation(p[:, one], p[:, other])
            differences.append(abs(of_labels - of_answers))
    return -float(np.mean(differences)) if differences else 0.0


NAMES = ("entropy", "information", "nuclear_norm", "snd", "co_occurrence")


def scores(
    p: Probabilities,
    source_aus: Float[np.ndarray, "m a"],
    source_known: Bool[np.ndarray, "m a"],
) -> Mapping[str, float]:
    """Return all scores by name.

    Args:
        p: The probabilities of the target's images.
        source_aus: Labels of the source.
        source_known: False where there is no label.
    """
    p = p[:: -(-len(p) // MOST_IMAGES)]
    return {
        "entropy": entropy(p),
        "information": information(p),
        "nuclear_norm": nuclear_norm(p),
        "snd": snd(p),
        "co_occurrence": co_occurrence(p, source_aus, source_known),
    }


def matching_thresholds(
    p: Probabilities, rates: Float[np.ndarray, "a"]
) -> tuple[float, ...]:
    """Return thresholds at which the target's share of active answers is given.

    Equal answers stay together: the share is then the nearest one that there is.

    Args:
        p: The probabilities of the target's images.
        rates: The wanted share of active answers of each AU, such as the source's.
    """
    ordered = np.sort(p.astype(np.float64), axis=0)[::-1]
    limits = []
    for column, rate in zip(ordered.T, rates, strict=True):
        # Active are so many of the first answers that the next one is lower.
        counts = np.flatnonzero(np.r_[True, column[1:] < column[:-1], True])
        count = counts[np.abs(counts - np.rint(rate * len(p))).argmin()]
        above = column[count - 1] if count else max(1.0, column[0] + 1e-6)
        below = column[count] if count < len(column) else 0.0
        limits.append(between(float(below), float(above)))
    return tuple(limits)


def _binary_entropy(p: np.ndarray) -> np.ndarray:
    p = p.astype(np.float64).clip(1e-12, 1 - 1e-12)
    return -p * np.log(p) - (1 - p) * np.log(1 - p)


def _correlation(x: Float[np.ndarray, "n"], y: Float[np.ndarray, "n"]) -> float:
    """Return Pearson's correlation; 0 where one side is constant."""
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    return float(np.corrcoef(x, y)[0, 1])
