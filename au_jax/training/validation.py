"""Validation during training: scores on both domains, logged and shown."""

import dataclasses
import logging
from collections.abc import Mapping
from pathlib import Path

from rich.table import Table

from au_jax.data.split import FaceSplit
from au_jax.evaluation.inference import (
    Evaluation,
    Predictor,
    predict_split,
    score_predictions,
    selection_score,
)
from au_jax.evaluation.report import METRICS, percent
from au_jax.runtime import console, processes
from au_jax.runtime.signals import Requests
from au_jax.stages.state import TrainState
from au_jax.training.plan import StagePlan
from au_jax.training.progress import StageProgress
from au_jax.workdir.checkpoints import Scores
from au_jax.workdir.metrics_log import MetricsLog, write_best

LOG = logging.getLogger(__name__)

Validation = Mapping[str, Evaluation]
"""The evaluation of each domain."""


@dataclasses.dataclass(frozen=True)
class Validator:
    """Validates the states of a stage, and logs and shows the scores."""

    plan: StagePlan
    val: Mapping[str, FaceSplit]
    """The validation splits by domain."""
    workdir: Path
    predictor: Predictor
    metrics: MetricsLog
    progress: StageProgress
    requests: Requests

    def __call__(self, step: int, state: TrainState) -> Scores:
        """Validate the state after a step.

        Returns:
            The score of each domain, by which checkpoints are chosen.

        Raises:
            Stopped: a signal asked for it; nothing was logged.
        """
        self.progress.doing("validation")
        validation = {
            domain: score_predictions(
                predict_split(
                    self.predictor, state.variables, split, self.requests.check
                )
            )
            for domain, split in self.val.items()
        }
        path = self.plan.config.eval.target_path
        self.metrics.write(step, log_values(validation, path))
        if processes.first():
            write_best(self.workdir)
            epoch = step // self.plan.epoch
            LOG.info("%s: validation after epoch %d", self.plan.name, epoch)
            console.stderr().print(table(validation))
        self.progress.doing("training")
        return selection_scores(validation, path)


def selection_scores(validation: Validation, target_path: str) -> Scores:
    """The score of each domain; NaN where the split has no labels."""
    return {
        domain: selection_score(domain, evaluation, target_path)
        for domain, evaluation in validation.items()
    }


def log_values(validation: Validation, target_path: str) -> dict[str, float]:
    """Values for the log: `val_DOMAIN_PATH_METRIC` and `selection/DOMAIN`."""
    means = {
        f"val_{domain}_{name}": value
        for domain, evaluation in validation.items()
        for name, value in evaluation.means().items()
    }
    scores = selection_scores(validation, target_path)
    return means | {f"selection/{domain}": score for domain, score in scores.items()}


def table(validation: Validation) -> Table:
    """A table for the terminal: means over AUs in percent, by domain and path."""
    result = Table(box=None, padding=(0, 2, 0, 0))
    result.add_column("%")
    metrics = METRICS if any(e.scores for e in validation.values()) else {}
    for label in metrics.values():
        result.add_column(label, justify="right")
    if any(e.landmark_error is not None for e in validation.values()):
        result.add_column("landmark error", justify="right")
    for domain, evaluation in validation.items():
        error = evaluation.landmark_error
        last_cell = [] if error is None else [f"{error:.2f}"]
        if not evaluation.scores:
            result.add_row(domain, *last_cell)
        for path, scores in evaluation.scores.items():
            means = [percent(scores.mean(metric)) for metric in metrics]
            result.add_row(f"{domain}, {path}", *means, *last_cell)
            last_cell = []  # the error does not depend on the path: show it once
    return result
