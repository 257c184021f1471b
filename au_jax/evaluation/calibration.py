"""Calibration: for each AU the threshold with the highest F1 on a held-out split."""

from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float
from rich.console import Console
from rich.table import Table
from sklearn import metrics as sk

from au_jax.evaluation import metrics
from au_jax.evaluation.inference import SplitPredictions
from au_jax.evaluation.report import percent
from au_jax.evaluation.tables import table_of_aus
from au_jax.evaluation.target_model import load_target_model
from au_jax.workdir import thresholds
from au_jax.workdir.thresholds import Thresholds


def calibrate(
    workdir: Path,
    choosing_split: str,
    split: str,
    data_dir: str | None,
    false_alarms: float = 1.0,
) -> None:
    """Write `thresholds.json` into a run, and print F1 with and without thresholds.

    Args:
        workdir: The work directory of the run.
        choosing_split: The split of the target on which thresholds are chosen.
        split: The split of the target on which F1 is compared.
        data_dir: The prepared data; None is the folder that training used.
        false_alarms: The largest share of inactive faces that may be decided active.

    Raises:
        UserError: the splits share an image, or the run detects no AUs.
    """
    model = load_target_model(workdir, data_dir)
    chosen_on, data = model.open_apart(choosing_split, split)
    choosing = model.predict(chosen_on)
    p = choosing.probabilities[model.path]
    values = tuple(
        best_threshold(p[k, a], choosing.aus[k, a] > 0, false_alarms)
        for a, k in enumerate(choosing.known.T)
    )
    stage, step = model.loaded.stage, model.loaded.step
    chosen = Thresholds(choosing_split, stage, step, model.path, values)
    file = thresholds.write(workdir, chosen, data.aus)
    title = f"F1, {model.config.data.target}, {split}"
    Console().print(f1_table(data.aus, chosen, model.predict(data), title))
    print(f"thresholds: {file}, used by python -m au_jax.export")


def best_threshold(
    probabilities: Float[np.ndarray, "n"],
    active: Bool[np.ndarray, "n"],
    false_alarms: float = 1.0,
) -> float:
    """The threshold t whose decisions `probability >= t` have the highest F1.

    It lies in the middle of the gap below the best probability, so that rounding
    changes no decision (`thresholds.between`). It is .5 if nothing is active.

    Args:
        probabilities: Of the faces.
        active: Whether the AU is.
        false_alarms: Thresholds at which more of the inactive faces than this share
            would be decided active do not count. If none is left, the threshold is
            `thresholds.NEVER`: some answers may be exactly 1.
    """
    if not active.any():
        return metrics.THRESHOLD
    precision, recall, candidates = sk.precision_recall_curve(active, probabilities)
    both = precision[:-1] + recall[:-1]
    f1 = 2 * precision[:-1] * recall[:-1] / np.maximum(both, 1e-12)
    inactive = np.sort(probabilities[~active])
    wrong = len(inactive) - np.searchsorted(inactive, candidates)
    allowed = wrong <= false_alarms * len(inactive)
    if not allowed.any():
        return thresholds.NEVER
    best = int(np.argmax(np.where(allowed, f1, -1)))
    below = candidates[best - 1] if best else 0.0
    return thresholds.between(float(below), float(candidates[best]))


def f1_table(
    aus: tuple[int, ...], chosen: Thresholds, predictions: SplitPredictions, title: str
) -> Table:
    """F1 of each AU at .5 and at the chosen thresholds."""
    rows = [
        ["", *(f"AU{au:02d}" for au in aus), "mean"],
        ["threshold", *(thresholds.shown(t, 3) for t in chosen.values), ""],
    ]
    for name, limits in (("at .5", None), ("at threshold", chosen.values)):
        scores = metrics.score(
            predictions.probabilities[chosen.path],
            predictions.aus,
            predictions.known,
            limits,
        )
        rows.append([name, *map(percent, scores.f1), percent(scores.mean("f1"))])
    return table_of_aus(title, rows)
