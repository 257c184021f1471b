"""The path by which a checkpoint answers for the target (`config.eval.target_path`)."""

import math
from collections.abc import Mapping
from pathlib import Path

from au_jax.errors import UserError
from au_jax.stages import SEPARATING
from au_jax.types import AU_PATHS, Config
from au_jax.workdir.metrics_log import read_metrics

BEST = "best"
"""The value of the key that chooses by validation."""


def rank(f1: float, average_precision: float) -> float:
    """The order of answers on validation: by mean F1; higher is better.

    In short runs F1 at .5 stays zero for long, so average precision decides between
    equal F1.
    """
    return f1 + 1e-6 * (0.0 if math.isnan(average_precision) else average_precision)


def best_path(ranks: Mapping[str, float]) -> str:
    """The path with the highest rank; the first of `AU_PATHS` if none has a rank."""
    known = [path for path in AU_PATHS if not math.isnan(ranks.get(path, math.nan))]
    return max(known, key=lambda path: ranks[path], default=AU_PATHS[0])


def target_path(config: Config, workdir: Path, stage: str, step: int) -> str:
    """Return the path by which a validated checkpoint answers for the target.

    A model that separates no features has one path only. Where the config leaves the
    choice to validation, the log of the run has the scores.

    Raises:
        UserError: the log lacks this validation.
    """
    if stage not in SEPARATING:
        return "direct"
    if config.eval.target_path != BEST:
        return config.eval.target_path
    validations = [
        line
        for line in read_metrics(workdir)
        if (line["stage"], line["step"]) == (stage, step) and "selection/target" in line
    ]
    if not validations:
        raise UserError(
            f"{workdir}/metrics.jsonl lacks the validation of {stage}, step {step},"
            " by which eval.target_path=best chooses the path; copy the whole run"
        )

    def value(path: str, metric: str) -> float:
        value = validations[-1].get(f"val_target_{path}_{metric}")
        return math.nan if value is None else value

    return best_path(
        {
            path: rank(value(path, "f1"), value(path, "average_precision"))
            for path in AU_PATHS
        }
    )
