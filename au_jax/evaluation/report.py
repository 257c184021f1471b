"""The report of an evaluation: its numbers, their cells in tables, and eval.json."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from au_jax.evaluation.baselines import BaselineScores
from au_jax.evaluation.bootstrap import RESAMPLES
from au_jax.evaluation.metrics import AuScores
from au_jax.stages import SEEING_LANDMARKS
from au_jax.workdir.best_networks import FLOOR
from au_jax.workdir.thresholds import Thresholds, shown

METRICS = {
    "f1": "F1",
    "accuracy": "accuracy",
    "average_precision": "AP",
    "auc": "AUC",
}
BOUNDS = ("from", "to")
FORMULAS = {"direct": "AU(E_f(I))", "reconstructed": "AU(G_st(A, B))"}
"""By path, in the notation of method.md."""

Cells = list[list[str]]
"""The rows of a table; the first is its header."""


class Answer(NamedTuple):
    """One way of answering: whose networks, by which path, at which thresholds."""

    stage: str
    """Or the name of a classical detector, which has no path."""
    path: str
    calibrated: bool = False


@dataclasses.dataclass(frozen=True)
class PathScores:
    """The scores of one path of a model."""

    path: str
    scores: AuScores
    calibrated: AuScores | None = None
    """The scores at `thresholds`; None without them."""
    thresholds: Thresholds | None = None
    auc_interval: Sequence[Sequence[float]] = ()
    """The bounds of 95 % of the AUCs of resampled people: by AU, and of the mean."""


@dataclasses.dataclass(frozen=True)
class ModelReport:
    """The scores of one checkpoint on one domain."""

    domain: str
    data_set: str
    split: str
    num_images: int
    stage: str
    step: int
    is_floor: bool
    """True for `supervised` beside the model that it is compared with."""
    aus: tuple[int, ...]
    paths: tuple[PathScores, ...]
    always_active: AuScores
    """The trivial answer on the same images."""
    landmark_error: float | None = None
    """Mean point distance in percent of the eye distance."""
    answering: str | None = None
    """The path that answers for the target (`config.eval.target_path`)."""
    dataset: str = ""
    """The raw set that was read for `data_set`; "" if it is not known."""
    split_rule: str = ""
    """Who chose the images of the split; "" if it is not known."""


Means = Mapping[str, float]
"""The mean of each of `METRICS` over the AUs, 0..1."""


@dataclasses.dataclass(frozen=True)
class Report:
    """All numbers of an evaluation."""

    models: tuple[ModelReport, ...]
    baselines: tuple[BaselineScores, ...] = ()
    """The classical detectors on the same images."""

    def landmark_errors(self) -> dict[str, float]:
        """The landmark error of each domain that has one."""
        return {
            model.domain: model.landmark_error
            for model in self.models
            if model.landmark_error is not None
        }

    def summary(self) -> dict[Answer | None, dict[str, Means]]:
        """Means over the AUs by answer and domain; None is "always active".

        The order is that of reading: the trivial answer, the classical detectors, the
        floor, the model.
        """
        lines: dict[Answer | None, dict[str, Means]] = {None: {}}
        for baseline in self.baselines:
            answer = Answer(baseline.name, "")
            lines.setdefault(answer, {})[baseline.domain] = _means(baseline.scores)
        for model in self.models:
            lines[None][model.domain] = _means(model.always_active)
            for path in model.paths:
                answer = Answer(model.stage, path.path)
                lines.setdefault(answer, {})[model.domain] = _means(path.scores)
                if path.calibrated is not None:
                    answer = answer._replace(calibrated=True)
                    lines.setdefault(answer, {})[model.domain] = _means(path.calibrated)

        def reading_order(answer: Answer | None) -> tuple[Any, ...]:
            if answer is None:
                return ()
            return answer.path != "", answer.stage != FLOOR, answer

        return {answer: lines[answer] for answer in sorted(lines, key=reading_order)}


def _means(scores: AuScores) -> Means:
    return {metric: scores.mean(metric) for metric in METRICS}


# Words: made here, at the very end, and never read back.
def percent(value: float) -> str:
    """One decimal; "-" where there is no value."""
    return "-" if math.isnan(value) else f"{100 * value:.1f}"


def interval(low: float, high: float) -> str:
    """Two percentages; "-" where there is no interval."""
    return "-" if math.isnan(low) else f"{percent(low)} to {percent(high)}"


def note_lines(report: Report) -> list[str]:
    """Which checkpoint was tested on which split, and who chose the thresholds."""
    lines = []
    for model in report.models:
        lines.append(
            f"{model.domain}: {model.data_set}, split {model.split},"
            f" {model.num_images} images; checkpoint of stage {model.stage}, step"
            f" {model.step}, best on validation of the {model.domain}"
        )
        if model.answering is not None:
            lines.append(
                f"{model.domain}: the {model.answering} path answers: it chose the"
                " checkpoint, and export and predict take it"
            )
        for path in model.paths:
            if path.thresholds is not None:
                lines.append(
                    f"{model.domain}: thresholds of the {path.path} path: chosen on"
                    f" {path.thresholds.split}"
                )
    if any(path.auc_interval for model in report.models for path in model.paths):
        lines.append(
            f"AUC, from and to: 95 % of {RESAMPLES} resamples of people, or of images"
            " where the set names no people"
        )
    trained = {baseline.name: baseline.num_trained for baseline in report.baselines}
    lines += [
        f"{name}: regressions trained on {count} images of the source; they see the"
        " landmarks of the prepared set, which are exact in rendered faces"
        for name, count in trained.items()
    ]
    return lines


def landmark_lines(report: Report) -> list[str]:
    """One line per domain."""
    return [
        f"landmark error, {domain}: {error:.2f} % of the eye distance"
        for domain, error in report.landmark_errors().items()
    ]


def title(model: ModelReport, path: PathScores) -> str:
    """The title of the table of a path."""
    who = f"{model.stage} (the floor)" if model.is_floor else f"{path.path} path"
    has_features = model.stage not in SEEING_LANDMARKS
    formula = f": {FORMULAS[path.path]}" if has_features else ""
    return f"{model.domain} ({model.data_set}), {who}{formula}"


def answer_name(answer: Answer | None) -> str:
    """The name of a line of the summary."""
    if answer is None:
        return "always active"
    if not answer.path:
        return answer.stage
    name = f"{answer.stage}, {answer.path}"
    return f"{name}, calibrated" if answer.calibrated else name


def path_cells(model: ModelReport, path: PathScores) -> Cells:
    """The table of a path: a row per quantity, a column per AU."""
    rows = [["%", *(f"AU{au:02d}" for au in model.aus), "mean"]]
    rows += [
        _metric_row(metric, label, path.scores) for metric, label in METRICS.items()
    ]
    for bound, values in zip(BOUNDS, path.auc_interval, strict=False):
        rows.append([f"AUC, {bound}", *map(percent, values)])
    if path.calibrated is not None and path.thresholds is not None:
        # Thresholds change the decisions, not the order of the images.
        limits = (shown(value, 1, 100) for value in path.thresholds.values)
        rows.append(["threshold", *limits, ""])
        for metric in ("f1", "accuracy"):
            label = f"{METRICS[metric]} at threshold"
            rows.append(_metric_row(metric, label, path.calibrated))
    for metric, label in METRICS.items():
        label = f"always active: {label}"
        rows.append(_metric_row(metric, label, model.always_active))
    for count in ("images", "positives"):
        rows.append([count, *map(str, getattr(path.scores, count)), ""])
    return rows


def _metric_row(metric: str, label: str, scores: AuScores) -> list[str]:
    values = map(percent, getattr(scores, metric))
    return [label, *values, percent(scores.mean(metric))]


def summary_cells(report: Report) -> Cells:
    """The summary: a row per answer, a column per domain and metric."""
    summary = report.summary()
    domains = list(dict.fromkeys(model.domain for model in report.models))
    header = ["mean over AUs, %"]
    header += [f"{domain} {label}" for domain in domains for label in METRICS.values()]
    rows = [header]
    for answer, by_domain in summary.items():
        row = [answer_name(answer)]
        for domain in domains:
            means = by_domain.get(domain)
            row += ["" if means is None else percent(means[m]) for m in METRICS]
        rows.append(row)
    return rows


def to_json(report: Report) -> dict[str, Any]:
    """The content of eval.json: fractions, null where there is no value."""
    return {
        "notes": note_lines(report),
        "sections": [
            {
                "title": title(model, path),
                "aus": list(model.aus),
                **_scores_to_json(path.scores),
                "auc_interval": [[*map(_number, row)] for row in path.auc_interval],
                "always_active": _scores_to_json(model.always_active),
                **_calibrated_to_json(path),
            }
            for model in report.models
            for path in model.paths
        ],
        "baselines": [
            {
                "name": baseline.name,
                "domain": baseline.domain,
                **_scores_to_json(baseline.scores),
            }
            for baseline in report.baselines
        ],
        "landmark_error_percent": report.landmark_errors(),
        "summary": [
            {
                "name": answer_name(answer),
                **{
                    domain: {metric: _number(v) for metric, v in means.items()}
                    for domain, means in by_domain.items()
                },
            }
            for answer, by_domain in report.summary().items()
        ],
    }


def _calibrated_to_json(path: PathScores) -> dict[str, Any]:
    if path.calibrated is None or path.thresholds is None:
        return {}
    scores = _scores_to_json(path.calibrated)
    return {"calibrated": {"thresholds": list(path.thresholds.values), **scores}}


def _scores_to_json(scores: AuScores) -> dict[str, Any]:
    result: dict[str, Any] = {"mean": {}}
    for metric in METRICS:
        result[metric] = [_number(v) for v in getattr(scores, metric)]
        result["mean"][metric] = _number(scores.mean(metric))
    for count in ("images", "positives"):
        result[count] = [int(v) for v in getattr(scores, count)]
    return result


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
