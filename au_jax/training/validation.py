"""Validation while training: scores, a table, the best so far."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jax.sharding import Mesh
from rich.table import Table

from au_jax.data.split import FaceSplit
from au_jax.evaluation import inference
from au_jax.evaluation.inference import Evaluation
from au_jax.evaluation.report import METRICS, percent
from au_jax.runtime.files import write_whole
from au_jax.stages.state import TrainState
from au_jax.types import DOMAINS, Config, PredictFn
from au_jax.workdir import metrics_log

Found = dict[str, Evaluation]
"""By domain."""


def validate(
    predict: PredictFn,
    state: TrainState,
    splits: Mapping[str, FaceSplit],
    config: Config,
    mesh: Mesh,
    pause: Callable[[], None],
) -> Found:
    """Both domains; `pause` is called before each batch, what it raises ends this."""
    return {
        domain: inference.evaluate(
            predict,
            state.variables,
            split,
            mesh=mesh,
            crop=config.data.crop,
            batch_size=config.eval.batch_size,
            pause=pause,
        )
        for domain, split in splits.items()
    }


def scores(found: Found) -> dict[str, float]:
    """What checkpoints are chosen by; NaN where there are no labels."""
    return {d: inference.selection_score(d, e) for d, e in found.items()}


def values(found: Found) -> dict[str, float]:
    """For the log: `val_DOMAIN_PATH_METRIC`, and the scores of `scores`."""
    means = {
        f"val_{domain}_{name}": value
        for domain, evaluated in found.items()
        for name, value in evaluated.means().items()
    }
    return means | {f"selection/{d}": v for d, v in scores(found).items()}


def table(found: Found) -> Table:
    """A row per domain and path: means over the AUs, in percent."""
    result = Table(box=None, padding=(0, 2, 0, 0))
    result.add_column("%")
    metrics = METRICS if any(e.scores for e in found.values()) else {}
    for label in metrics.values():
        result.add_column(label, justify="right")
    errors = {domain: e.landmark_error for domain, e in found.items()}
    if any(error is not None for error in errors.values()):
        result.add_column("landmark error", justify="right")
    for domain, evaluated in found.items():
        error = errors[domain]
        last = [] if error is None else [f"{error:.2f}"]
        if not evaluated.scores:
            result.add_row(domain, *last)
        for path, by_au in evaluated.scores.items():
            means = [percent(by_au.mean(metric)) for metric in metrics]
            result.add_row(f"{domain}, {path}", *means, *last)
            last = []
    return result


def write_best(workdir: Path) -> None:
    """`best.json`: by stage and domain, the validation that scored best so far."""
    best: dict[str, dict[str, Any]] = {}
    for line in metrics_log.read_metrics(workdir):
        for domain in DOMAINS:
            score = line.get(f"selection/{domain}")
            stage = best.setdefault(line["stage"], {})
            if (
                score is not None
                and score >= stage.get(domain, line)[f"selection/{domain}"]
            ):
                stage[domain] = line
    shown = {
        stage: {
            domain: {
                "step": line["step"],
                **{k: v for k, v in line.items() if k.startswith(f"val_{domain}_")},
            }
            for domain, line in by_domain.items()
        }
        for stage, by_domain in best.items()
        if by_domain
    }
    write_whole(workdir / "best.json", json.dumps(shown, indent=2) + "\n")
