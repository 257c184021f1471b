"""How well scores without labels of the target choose a checkpoint."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from au_jax.comparison.plan import Run
from au_jax.comparison.scores import Result
from au_jax.evaluation import label_free
from au_jax.workdir.metrics_log import read_metrics

OTHERS = ("source_validation", "reverse_validation", "last_epoch")
NAMES = (*label_free.NAMES, *OTHERS)
"""The compared scores. The last epoch is what one takes without any score."""


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A validated checkpoint."""

    run: str
    scores: dict[str, float]
    """By name: see `NAMES`."""
    auc: float
    """On the validation split of the target, by the direct path."""


def candidates(run: Run, result: Result) -> list[Candidate]:
    """Return the validated checkpoints of a run that have an AUC on the target.

    A run that learns from labels of the target has none: it needs no such score.
    """
    found: list[Candidate] = []
    if run.config.supervised.domain == "target":
        return found
    for line in read_metrics(run.folder):
        auc = line.get("val_target_direct_auc")
        if auc is None or line["stage"] != run.config.stages[-1]:
            continue
        scores = {name: line.get(f"label_free/{name}") for name in label_free.NAMES}
        scores["source_validation"] = line.get("selection/source")
        scores["reverse_validation"] = result.reverse.get(line["step"])
        scores["last_epoch"] = float(line["step"])
        known = {name: value for name, value in scores.items() if value is not None}
        found.append(Candidate(str(run.folder), known, auc))
    return found


def study(found: Sequence[Candidate]) -> list[dict[str, Any]]:
    """Return for each score how well it picks.

    `rank_correlation` is Spearman's, with the AUC, over all checkpoints of all runs;
    `regret` is the AUC that choosing among the checkpoints of a run loses against the
    best of them, mean over runs; `regret_over_runs` is that of choosing one checkpoint
    of all. `last_epoch` cannot compare runs.
    """
    from scipy.stats import spearmanr  # takes a while to import

    lines = []
    for name in NAMES:
        scored = [one for one in found if name in one.scores]
        if len(scored) < 3:
            continue
        values = np.array([one.scores[name] for one in scored])
        aucs = np.array([one.auc for one in scored])
        runs = np.array([one.run for one in scored])
        regrets = [
            aucs[rows].max() - aucs[rows][_latest_best(values[rows])]
            for rows in (runs == run for run in dict.fromkeys(runs))
        ]
        over_runs = name != "last_epoch"
        varied = np.ptp(values) > 0 and np.ptp(aucs) > 0
        correlation: Any = spearmanr(values, aucs) if over_runs and varied else None
        lines.append(
            {
                "score": name,
                "checkpoints": len(scored),
                "runs": len(regrets),
                "rank_correlation": (
                    math.nan if correlation is None else float(correlation.statistic)
                ),
                "regret": float(np.mean(regrets)),
                "regret_over_runs": (
                    float(aucs.max() - aucs[_latest_best(values)])
                    if over_runs
                    else math.nan
                ),
            }
        )
    return lines


def _latest_best(values: np.ndarray) -> int:
    """Return the index of the highest value; of equal ones the last."""
    return len(values) - 1 - int(np.argmax(values[::-1]))
