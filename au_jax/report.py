"""Evaluation tables: on the terminal, as Markdown, as JSON."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from au_jax.metrics import AuScores

METRICS = {
    "f1": "F1",
    "accuracy": "accuracy",
    "average_precision": "AP",
    "auc": "AUC",
}


@dataclasses.dataclass(frozen=True)
class Section:
    """One table: a domain, seen through one path."""

    title: str
    aus: tuple[int, ...]
    scores: AuScores
    always_active: AuScores
    """The trivial answer on the same images."""


@dataclasses.dataclass(frozen=True)
class Report:
    """All tables of an evaluation."""

    notes: tuple[str, ...]
    """Lines above the tables: which checkpoints, which splits."""
    sections: tuple[Section, ...]
    landmark_errors: dict[str, float]
    """By domain: mean point distance in percent of the eye distance."""


def percent(value: float) -> str:
    """One decimal; "-" where there is no value."""
    return "-" if math.isnan(value) else f"{100 * value:.1f}"


def rows(section: Section) -> list[list[str]]:
    """The cells of a section: a header, a row per quantity, a column per AU."""
    header = ["%", *(f"AU{au:02d}" for au in section.aus), "mean"]
    lines = [header]
    for scores, prefix in (
        (section.scores, ""),
        (section.always_active, "always active: "),
    ):
        for metric, label in METRICS.items():
            values = [percent(v) for v in getattr(scores, metric)]
            lines.append([prefix + label, *values, percent(scores.mean(metric))])
    for count in ("images", "positives"):
        values = getattr(section.scores, count)
        lines.append([count, *(str(v) for v in values), ""])
    return lines


def print_report(report: Report, console: Console) -> None:
    """The tables for the terminal."""
    for note in report.notes:
        console.print(note, highlight=False)
    for section in report.sections:
        header, *lines = rows(section)
        table = Table(title=section.title, title_justify="left")
        for i, cell in enumerate(header):
            table.add_column(cell, justify="left" if i == 0 else "right")
        for line in lines:
            table.add_row(*line)
        console.print(table)
    for line in landmark_lines(report):
        console.print(line, highlight=False)


def landmark_lines(report: Report) -> list[str]:
    """One line per domain."""
    return [
        f"landmark error, {domain}: {error:.2f} % of the eye distance"
        for domain, error in report.landmark_errors.items()
    ]


def to_markdown(report: Report) -> str:
    """The same as Markdown."""
    parts = ["# Evaluation", *(f"- {note}" for note in report.notes)]
    for section in report.sections:
        header, *lines = rows(section)
        parts += ["", f"## {section.title}", "", _line(header)]
        parts.append(_line(["---", *["---:"] * (len(header) - 1)]))
        parts += [_line(line) for line in lines]
    if report.landmark_errors:
        parts += ["", "## Landmarks", ""]
        parts += [f"- {line}" for line in landmark_lines(report)]
    return "\n".join(parts) + "\n"


def to_json(report: Report) -> dict[str, Any]:
    """The same for programs: fractions, null where there is no value."""
    return {
        "notes": list(report.notes),
        "sections": [
            {
                "title": section.title,
                "aus": list(section.aus),
                **_scores_to_json(section.scores),
                "always_active": _scores_to_json(section.always_active),
            }
            for section in report.sections
        ],
        "landmark_error_percent": report.landmark_errors,
    }


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


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
