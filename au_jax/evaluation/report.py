"""Evaluation tables: on the terminal, and as Markdown."""

import dataclasses
import math
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from au_jax.evaluation.metrics import AuScores

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
    calibrated: AuScores | None = None
    """At the thresholds below; None where there are none."""
    thresholds: tuple[float, ...] = ()
    """One for each AU."""


@dataclasses.dataclass(frozen=True)
class Line:
    """Means over the AUs for one way of answering, by domain and metric, 0..1."""

    name: str
    means: dict[str, dict[str, float]]
    """Domain -> metric -> mean; domains that it was not asked about are left out."""


@dataclasses.dataclass(frozen=True)
class Report:
    """All tables of an evaluation."""

    notes: tuple[str, ...]
    """Lines above the tables: which checkpoints, which splits."""
    sections: tuple[Section, ...]
    landmark_errors: dict[str, float]
    """By domain: mean point distance in percent of the eye distance."""
    summary: tuple["Line", ...] = ()
    """One line per way of answering, best read first; what the tables come down to."""


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
        if scores is section.scores and section.calibrated is not None:
            lines += _calibrated_rows(section.calibrated, section.thresholds)
    for count in ("images", "positives"):
        values = getattr(section.scores, count)
        lines.append([count, *(str(v) for v in values), ""])
    return lines


def _calibrated_rows(scores: AuScores, thresholds: Sequence[float]) -> list[list[str]]:
    """What changes with the thresholds: the decisions, not the order of the images."""
    lines = [["threshold", *map(percent, thresholds), ""]]
    for metric in ("f1", "accuracy"):
        values = [percent(v) for v in getattr(scores, metric)]
        label = f"{METRICS[metric]} at threshold"
        lines.append([label, *values, percent(scores.mean(metric))])
    return lines


SUMMARY = ("f1", "average_precision", "auc")


def summary_rows(report: Report) -> list[list[str]]:
    """The cells of the summary: a header, and a row per way of answering."""
    domains = list(dict.fromkeys(d for line in report.summary for d in line.means))
    header = ["mean over AUs, %"]
    header += [
        f"{domain} {METRICS[metric]}" for domain in domains for metric in SUMMARY
    ]
    lines = [header]
    for line in report.summary:
        cells = [line.name]
        for domain in domains:
            means = line.means.get(domain)
            cells += ["" if means is None else percent(means[m]) for m in SUMMARY]
        lines.append(cells)
    return lines


def print_report(report: Report, console: Console) -> None:
    """The tables for the terminal."""
    for note in report.notes:
        console.print(note, highlight=False)
    for section in report.sections:
        console.print(_table(section.title, rows(section)))
    for line in landmark_lines(report):
        console.print(line, highlight=False)
    if report.summary:
        console.print(_table("Summary", summary_rows(report)))


def _table(title: str, lines: Sequence[Sequence[str]]) -> Table:
    header, *rest = lines
    table = Table(title=title, title_justify="left")
    for i, cell in enumerate(header):
        if i == 0:
            table.add_column(cell, no_wrap=True)
        else:  # narrow: the summary fits a terminal of 80 columns
            table.add_column(cell.replace(" ", "\n"), justify="right")
    for line in rest:
        table.add_row(*line)
    return table


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
        parts += ["", f"## {section.title}", "", *_markdown(rows(section))]
    if report.landmark_errors:
        parts += ["", "## Landmarks", ""]
        parts += [f"- {line}" for line in landmark_lines(report)]
    if report.summary:
        parts += ["", "## Summary", "", *_markdown(summary_rows(report))]
    return "\n".join(parts) + "\n"


def _markdown(lines: Sequence[Sequence[str]]) -> list[str]:
    header, *rest = lines
    rule = ["---", *["---:"] * (len(header) - 1)]
    return [_line(line) for line in (header, rule, *rest)]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
