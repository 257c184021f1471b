"""Validation during training: scores on both domains, logged and shown."""

import dataclasses
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from rich.table import Table

from au_jax.data.split import FaceSplit
from au_jax.evaluation import label_free
from au_jax.evaluation.inference import (
    Evaluation,
    Predictor,
    SplitPredictions,
    predict_split,
    score_predictions,
    selection_score,
)
from au_jax.evaluation.report import METRICS, percent
from au_jax.runtime import console, processes
from au_jax.stages.state import TrainState
from au_jax.training.plan import StagePlan
from au_jax.training.progress import StageProgress
from au_jax.types import DOMAINS
from au_jax.workdir import validations
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
    pause: Callable[[], None]
    """Called before each batch; raises `Stopped` if a signal asked for it."""

    def __call__(self, step: int, state: TrainState) -> Scores:
        """Validate the state after a step.

        Returns:
            The score by each rule of `RULES`, by which checkpoints are chosen.

        Raises:
            Stopped: a signal asked for it; nothing was logged.
        """
        self.progress.doing("validation")
        predictions = {
            domain: predict_split(self.predictor, state.variables, split, self.pause)
            for domain, split in self.val.items()
        }
        validation = {d: score_predictions(found) for d, found in predictions.items()}
        options = self.plan.config.eval
        unlabelled = label_free_scores(predictions, validation, options.target_path)
        scores = selection_scores(validation, options.target_path)
        scores["label_free"] = unlabelled.get(options.label_free, scores["source"])
        self.metrics.write(step, log_values(validation, unlabelled, scores))
        if processes.first():
            validations.write(self.workdir, self.plan.name, step, _stored(predictions))
            write_best(self.workdir)
            epoch = step // self.plan.epoch
            LOG.info("%s: validation after epoch %d", self.plan.name, epoch)
            if metrics_exist(validation):
                console.stderr().print(table(validation))
        self.progress.doing("training")
        return scores


def _stored(
    predictions: Mapping[str, SplitPredictions],
) -> dict[str, validations.Answers]:
    return {
        domain: validations.Answers(found.probabilities, found.aus, found.known)
        for domain, found in predictions.items()
    }


def label_free_scores(
    predictions: Mapping[str, SplitPredictions],
    validation: Validation,
    target_path: str,
) -> Mapping[str, float]:
    """The scores of the target's answers without its labels, by name.

    Empty for a model without AUs. Where validation chooses the path, which takes
    labels, the path is "direct".
    """
    source, target = (predictions[domain] for domain in DOMAINS)
    if not target.probabilities:
        return {}
    path = target_path if target_path in validation["target"].scores else "direct"
    return label_free.scores(target.probabilities[path], source.aus, source.known)


def selection_scores(validation: Validation, target_path: str) -> Scores:
    """The score of each domain; NaN where the split has no labels."""
    return {
        domain: selection_score(domain, evaluation, target_path)
        for domain, evaluation in validation.items()
    }


def log_values(
    validation: Validation, unlabelled: Mapping[str, float], scores: Scores
) -> dict[str, float]:
    """Values for the log: `val_DOMAIN_PATH_METRIC`, `label_free/*`, `selection/*`."""
    means = {
        f"val_{domain}_{name}": value
        for domain, evaluation in validation.items()
        for name, value in evaluation.means().items()
    }
    means |= {f"label_free/{name}": score for name, score in unlabelled.items()}
    return means | {f"selection/{rule}": score for rule, score in scores.items()}


def metrics_exist(validation: Validation) -> bool:
    """True if the stage detects AUs or landmarks; an embedding alone has no score."""
    return any(e.scores or e.landmark_error is not None for e in validation.values())


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
