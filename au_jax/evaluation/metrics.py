"""Scores of AU probabilities and landmarks over a whole split (method.md section 7)."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from au_jax.faces.landmarks import eye_distance

THRESHOLD = 0.5


@dataclasses.dataclass(frozen=True)
class AuScores:
    """One value per AU over its known labels: fractions, NaN where undefined."""

    f1: Float[np.ndarray, "a"]
    """0 without positives and decisions, as in scikit-learn; NaN without labels."""
    accuracy: Float[np.ndarray, "a"]
    average_precision: Float[np.ndarray, "a"]
    """NaN where all labels are equal."""
    auc: Float[np.ndarray, "a"]
    """NaN where all labels are equal."""
    images: np.ndarray
    """Number of known labels."""
    positives: np.ndarray
    """Number of active labels."""

    def mean(self, metric: str) -> float:
        """The mean of a metric ("f1", ...) over the AUs that have it, or NaN."""
        values = getattr(self, metric)
        values = values[~np.isnan(values)]
        return float(values.mean()) if len(values) else math.nan


def decide(
    probabilities: Float[np.ndarray, "..."],
    thresholds: float | Sequence[float] | Float[np.ndarray, "..."],
) -> Bool[np.ndarray, "..."]:
    """Decide which AUs are active: probability >= threshold, as ADLD's evaluation does.

    Metrics, prediction and drawings all use this comparison, in the precision of the
    probabilities. Thresholds are broadcast: one for all AUs, or one per AU along the
    last axis.
    """
    return np.asarray(probabilities >= np.asarray(thresholds, probabilities.dtype))


def active_rates(
    aus: Float[np.ndarray, "n a"], known: Bool[np.ndarray, "n a"]
) -> Float[np.ndarray, "a"]:
    """Return the share of active labels among each AU's known ones; 0 without any."""
    return (aus * known).sum(axis=0) / np.maximum(known.sum(axis=0), 1)


def score(
    probabilities: Float[np.ndarray, "n a"],
    aus: Float[np.ndarray, "n a"],
    known: Bool[np.ndarray, "n a"],
    thresholds: Sequence[float] | None = None,
) -> AuScores:
    """Score each AU; unknown labels drop out AU by AU.

    Args:
        probabilities: One per image and AU, 0..1.
        aus: Labels, 1 active.
        known: False where there is no label.
        thresholds: One per AU, for F1 and accuracy; .5 unless given.
    """
    limits = thresholds or [THRESHOLD] * aus.shape[1]
    decisions = decide(probabilities, limits)
    columns = [
        _score_au(probabilities[k, a], decisions[k, a], aus[k, a] > 0)
        for a, k in enumerate(known.T)
    ]
    names = [field.name for field in dataclasses.fields(AuScores)]
    return AuScores(**{k: np.array([c[k] for c in columns]) for k in names})


def always_active(
    aus: Float[np.ndarray, "n a"], known: Bool[np.ndarray, "n a"]
) -> AuScores:
    """The scores of the trivial answer "always active", which a model has to beat."""
    return score(np.ones_like(aus), aus, known)


def _score_au(
    probabilities: Float[np.ndarray, "n"],
    decisions: Bool[np.ndarray, "n"],
    active: Bool[np.ndarray, "n"],
) -> dict[str, int | float]:
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
        denominator = int(decisions.sum() + active.sum())
        hits = int((decisions & active).sum())
        scores["f1"] = 2 * hits / denominator if denominator else 0.0
        scores["accuracy"] = float((decisions == active).mean())
    if active.any() and not active.all():
        from sklearn import metrics as sk  # takes seconds to import

        scores["average_precision"] = float(
            sk.average_precision_score(active, probabilities)
        )
        scores["auc"] = float(sk.roc_auc_score(active, probabilities))
    return scores


def landmark_errors(
    predicted: Float[np.ndarray, "n 49 2"], true: Float[np.ndarray, "n 49 2"]
) -> Float[np.ndarray, "n"]:
    """Mean point distance of each face, in percent of its eye distance."""
    distance = np.linalg.norm(predicted - true, axis=-1).mean(axis=-1)
    return 100 * distance / np.asarray(eye_distance(true))


def intensities(
    p: Float[np.ndarray, "*b a"],
    knots: Sequence[float],
    curves: Sequence[Sequence[float] | None],
) -> Float[np.ndarray, "*b a"]:
    """Return intensities 0..5; NaN for an AU without a curve.

    Args:
        p: Probabilities.
        knots: The probabilities at which the curves are stated, in rising order.
        curves: The intensity at each of them, by AU.
    """
    columns = [
        np.full(p.shape[:-1], np.nan)
        if curve is None
        else np.interp(p[..., au], knots, curve)
        for au, curve in enumerate(curves)
    ]
    return np.stack(columns, axis=-1)
