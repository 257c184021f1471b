"""Scores of AU probabilities and landmarks over a whole evaluation set (section 7)."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from au_jax.faces.landmarks import eye_distance

THRESHOLD = 0.5


@dataclasses.dataclass(frozen=True)
class AuScores:
    """One value per AU, over its known labels; fractions, NaN where there is none."""

    f1: Float[np.ndarray, "a"]
    """At a threshold of .5; 0 without positives and predictions, as in scikit-learn."""
    accuracy: Float[np.ndarray, "a"]
    average_precision: Float[np.ndarray, "a"]
    auc: Float[np.ndarray, "a"]
    """NaN, as `average_precision`, where all labels are alike."""
    images: np.ndarray
    """Numbers of known labels."""
    positives: np.ndarray

    def mean(self, metric: str) -> float:
        """The mean of "f1", ... over the AUs that have a value; NaN if none has."""
        values = getattr(self, metric)
        values = values[~np.isnan(values)]
        return float(values.mean()) if len(values) else math.nan


def score(
    probabilities: Float[np.ndarray, "n a"],
    aus: Float[np.ndarray, "n a"],
    known: Bool[np.ndarray, "n a"],
    thresholds: Sequence[float] | None = None,
) -> AuScores:
    """Scores per AU; labels that are not known drop out AU by AU.

    F1 and accuracy are at .5 for all AUs unless `thresholds` are given.
    """
    limits = thresholds or [THRESHOLD] * aus.shape[1]
    columns = [
        _score_one(probabilities[known[:, a], a], aus[known[:, a], a] > 0, limit)
        for a, limit in enumerate(limits)
    ]
    names = [field.name for field in dataclasses.fields(AuScores)]
    return AuScores(**{k: np.array([c[k] for c in columns]) for k in names})


def always_active(
    aus: Float[np.ndarray, "n a"], known: Bool[np.ndarray, "n a"]
) -> AuScores:
    """The trivial answer, next to which every score has to be read."""
    return score(np.ones_like(aus), aus, known)


def _score_one(
    probabilities: Float[np.ndarray, "n"],
    active: Bool[np.ndarray, "n"],
    threshold: float,
) -> dict[str, int | float]:
    found = probabilities > threshold
    scores = {
        "images": len(active),
        "positives": int(active.sum()),
        "f1": math.nan,
        "accuracy": math.nan,
        "average_precision": math.nan,
        "auc": math.nan,
    }
    if len(active):
        # 2 hits / (2 hits + false alarms + misses)
        either = int(found.sum() + active.sum())
        scores["f1"] = 2 * int((found & active).sum()) / either if either else 0.0
        scores["accuracy"] = float((found == active).mean())
    if active.any() and not active.all():
        from sklearn import metrics as sk  # takes seconds, prediction does without

        scores["average_precision"] = float(
            sk.average_precision_score(active, probabilities)
        )
        scores["auc"] = float(sk.roc_auc_score(active, probabilities))
    return scores


def landmark_errors(
    found: Float[np.ndarray, "n 49 2"], true: Float[np.ndarray, "n 49 2"]
) -> Float[np.ndarray, "n"]:
    """Mean distance of the points of each face, in percent of its eye distance."""
    distance = np.linalg.norm(found - true, axis=-1).mean(axis=-1)
    return 100 * distance / np.asarray(eye_distance(true))
