"""Evaluation tables for programs: the JSON of `eval.json`."""

import math
from typing import Any

from au_jax.evaluation.metrics import AuScores
from au_jax.evaluation.report import METRICS, Report, Section


def to_json(report: Report) -> dict[str, Any]:
    """All tables: fractions, null where there is no value."""
    return {
        "notes": list(report.notes),
        "sections": [
            {
                "title": section.title,
                "aus": list(section.aus),
                **_scores_to_json(section.scores),
                "always_active": _scores_to_json(section.always_active),
                **_calibrated_to_json(section),
            }
            for section in report.sections
        ],
        "landmark_error_percent": report.landmark_errors,
        "summary": [
            {
                "name": line.name,
                **{
                    domain: {metric: _number(v) for metric, v in means.items()}
                    for domain, means in line.means.items()
                },
            }
            for line in report.summary
        ],
    }


def _calibrated_to_json(section: Section) -> dict[str, Any]:
    if section.calibrated is None:
        return {}
    scores = _scores_to_json(section.calibrated)
    return {"calibrated": {"thresholds": list(section.thresholds), **scores}}


def _scores_to_json(scores: AuScores) -> dict[str, Any]:
    found: dict[str, Any] = {"mean": {}}
    for metric in METRICS:
        found[metric] = [_number(v) for v in getattr(scores, metric)]
        found["mean"][metric] = _number(scores.mean(metric))
    for count in ("images", "positives"):
        found[count] = [int(v) for v in getattr(scores, count)]
    return found


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
