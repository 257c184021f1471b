"""Bootstrap over people: scores of resampled splits.

A resample gives each image a weight, how often its person was drawn. All resamples are
scored at once, because thousands of calls of scikit-learn would take minutes.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from au_jax.data.split import FaceSplit
from au_jax.evaluation.metrics import THRESHOLD, decide

RESAMPLES = 200
"""For intervals in reports; a comparison states its own number."""

_CELLS = 1 << 22  # resamples times images that are held at once

Weights = Float[np.ndarray, "r n"]
"""A row per resample: how often it has each image."""


def people_of(split: FaceSplit, step: int = 1) -> Int[np.ndarray, "n"]:
    """Return the person of every `step`-th image, numbered from 0.

    An image without a subject counts as a person of its own. Two data sets may name
    their people alike; they are different people.
    """
    sets = np.repeat(np.arange(len(split.parts)), [part.length for part in split.parts])
    names = []
    for index in range(0, len(split), step):
        subject = split.record(index)["subject"].decode()
        names.append(f"{sets[index]}/{subject}" if subject else f"\0{index}")
    return np.unique(names, return_inverse=True)[1]


def resamples(person: Int[np.ndarray, "n"], count: int, seed: int = 0) -> Weights:
    """Return `count` resamples of people, drawn with replacement."""
    rng = np.random.default_rng(seed)
    number = int(person.max()) + 1
    drawn = rng.multinomial(number, np.full(number, 1 / number), size=count)
    return drawn[:, person].astype(np.float32)


def auc_intervals(
    p: Float[np.ndarray, "n a"],
    aus: Float[np.ndarray, "n a"],
    known: Bool[np.ndarray, "n a"],
    person: Int[np.ndarray, "n"],
) -> Float[np.ndarray, "2 a+1"]:
    """Return the bounds of 95 % of resampled AUCs: of each AU, then of their mean.

    Where no AUC exists, as without active labels, they are NaN. So they are where fewer
    than two people have known labels: resamples of one are all alike.
    """

    def aucs(weights: Weights) -> np.ndarray:
        by_au = np.stack(
            [
                of_ranking(weights[:, k], p[k, a], aus[k, a] > 0)["auc"]
                for a, k in enumerate(known.T)
            ]
        )
        return np.vstack([by_au, _mean_of_known(by_au)])

    weights, step = resamples(person, RESAMPLES), max(1, _CELLS // len(p))
    parts = [aucs(weights[i : i + step]) for i in range(0, RESAMPLES, step)]
    found = np.concatenate(parts, axis=1)
    bounds, there = np.full((2, len(found)), np.nan), np.isfinite(found).any(axis=1)
    labelled = [*known.T, known.any(axis=1)]
    there &= np.array([len(np.unique(person[k])) > 1 for k in labelled])
    bounds[:, there] = np.nanpercentile(found[there], (2.5, 97.5), axis=1)
    return bounds


def means(
    weights: Weights,
    probabilities: Float[np.ndarray, "n a"],
    aus: Float[np.ndarray, "n a"],
    known: Bool[np.ndarray, "n a"],
    thresholds: Sequence[float] | None,
) -> dict[str, Float[np.ndarray, "r"]]:
    """Return the mean over AUs of each metric, for each resample.

    The keys are "f1", "f1_at_thresholds" (if there are thresholds), "accuracy",
    "average_precision" and "auc". An AU without active or without inactive labels in a
    resample drops out of the mean of the last two, as in `metrics.AuScores.mean`. All
    are NaN where several resamples are all alike, as those of one person are.
    """
    if len(weights) > 1 and (weights == weights[0]).all():
        weights = np.full_like(weights, np.nan)
    columns: dict[str, list[np.ndarray]] = {}
    for a, k in enumerate(known.T):
        w, p, active = weights[:, k], probabilities[k, a], aus[k, a] > 0
        values = of_decisions(w, decide(p, THRESHOLD), active)
        if thresholds is not None:
            decisions = decide(p, thresholds[a])
            values["f1_at_thresholds"] = of_decisions(w, decisions, active)["f1"]
        for name, value in (values | of_ranking(w, p, active)).items():
            columns.setdefault(name, []).append(value)
    return {name: _mean_of_known(np.stack(found)) for name, found in columns.items()}


def of_decisions(
    weights: Weights, decisions: Bool[np.ndarray, "n"], active: Bool[np.ndarray, "n"]
) -> dict[str, Float[np.ndarray, "r"]]:
    """Return F1 and accuracy of decisions, for each resample."""

    def count(where: np.ndarray) -> np.ndarray:
        return weights @ where.astype(np.float32)

    denominator = count(decisions) + count(active)
    total = weights.sum(axis=1)
    with np.errstate(invalid="ignore"):
        f1 = 2 * count(decisions & active) / np.maximum(denominator, 1)
        accuracy = count(decisions == active) / total
    return {"f1": np.where(total > 0, f1, np.nan), "accuracy": accuracy}


def of_ranking(
    weights: Weights,
    probabilities: Float[np.ndarray, "n"],
    active: Bool[np.ndarray, "n"],
) -> dict[str, Float[np.ndarray, "r"]]:
    """Return AP and AUC for each resample; images of equal probability are ties."""
    order = np.argsort(-probabilities, kind="stable")
    ranked = probabilities[order]
    first = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])[: len(ranked)]
    if not len(ranked):
        nothing = np.full(len(weights), np.nan)
        return {"average_precision": nothing, "auc": nothing}

    def by_rank(where: np.ndarray) -> np.ndarray:
        counted = weights[:, order] * where[order]
        return np.add.reduceat(counted, first, axis=1).astype(np.float64)

    positive, negative = by_rank(active), by_rank(~active)
    above, false_above = positive.cumsum(axis=1), negative.cumsum(axis=1)
    positives, negatives = above[:, -1], false_above[:, -1]
    precision = above / np.maximum(above + false_above, 1e-12)
    with np.errstate(invalid="ignore", divide="ignore"):
        average_precision = (positive * precision).sum(axis=1) / positives
        # Each negative counts the positives above it, and half of those beside it.
        pairs = (negative * (above - positive / 2)).sum(axis=1)
        auc = pairs / (positives * negatives)
    undefined = (positives == 0) | (negatives == 0)
    return {
        "average_precision": np.where(undefined, np.nan, average_precision),
        "auc": np.where(undefined, np.nan, auc),
    }


def _mean_of_known(columns: Float[np.ndarray, "a r"]) -> Float[np.ndarray, "r"]:
    """Return the mean over AUs that are no NaN; NaN where all are."""
    there = ~np.isnan(columns)
    total = np.where(there, columns, 0).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return total / there.sum(axis=0)
