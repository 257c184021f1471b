"""The report of an evaluation as tables: in the terminal, and as Markdown."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from au_jax.evaluation import published, report
from au_jax.evaluation.report import Cells, Report

WIDEST = 9
"""Columns of a table of AUs that fit a terminal of 80 columns."""

_PLAIN: dict[str, Any] = {"box": None, "padding": (0, 1, 0, 0)}


def print_report(evaluation: Report, console: Console) -> None:
    """Print all tables."""
    for note in report.note_lines(evaluation):
        console.print(note, highlight=False)
    for model in evaluation.models:
        for path in model.paths:
            title, cells = report.title(model, path), report.path_cells(model, path)
            console.print(table_of_aus(title, cells))
    for line in report.landmark_lines(evaluation):
        console.print(line, highlight=False)
    if evaluation.models:
        cells = report.summary_cells(evaluation)
        console.print(table("Summary", cells, **_PLAIN))


def to_markdown(evaluation: Report) -> str:
    """All tables as Markdown."""
    lines = ["# Evaluation", *(f"- {x}" for x in report.note_lines(evaluation))]
    for model in evaluation.models:
        for path in model.paths:
            lines += ["", f"## {report.title(model, path)}", ""]
            lines += markdown(report.path_cells(model, path))
    if landmarks := report.landmark_lines(evaluation):
        lines += ["", "## Landmarks", "", *(f"- {line}" for line in landmarks)]
    if evaluation.models:
        lines += ["", "## Summary", "", *markdown(report.summary_cells(evaluation))]
    for title, cells in _published(evaluation):
        lines += ["", f"## {title}", "", *markdown(cells)]
    return "\n".join(lines) + "\n"


def _published(evaluation: Report) -> list[tuple[str, Cells]]:
    """Published scores beside ours, for each domain whose data set has some."""
    tables = []
    for model in evaluation.models:
        if model.is_floor:
            continue
        where = f"{model.data_set}, as published"
        for title, cells in (
            (f"F1 on {where}", published.f1_cells(evaluation, model)),
            (f"Ablation on {where}", published.ablation_cells(evaluation, model)),
        ):
            if cells is not None:
                tables.append((title, cells))
    return tables


def table_of_aus(title: str, cells: Cells) -> Table:
    """Return a table with a column per AU; of many AUs, it has a row for each."""
    if len(cells[0]) > WIDEST:
        return table(title, _upright(cells), **_PLAIN)
    return table(title, cells)


def _upright(cells: Cells) -> Cells:
    """Return a table of many AUs with a row for each, without what eval.md has too."""
    left_out = [f"always active: {name}" for name in ("accuracy", "AP", "AUC")]
    left_out += [f"AUC, {bound}" for bound in report.BOUNDS]
    kept = [row for row in cells if row[0] not in left_out]
    return [list(column) for column in zip(*kept, strict=True)]


def table(title: str, cells: Cells, **style: Any) -> Table:
    """Return a table for the terminal; the first row is its header."""
    header, *rows = cells
    shown = Table(title=title, title_justify="left", **style)
    # In a narrow terminal, names are wrapped: a number that is cut says something else.
    shown.add_column(header[0])
    for label in header[1:]:
        shown.add_column(label.replace(" ", "\n"), justify="right", no_wrap=True)
    for row in rows:
        shown.add_row(*row)
    return shown


def markdown(cells: Cells) -> list[str]:
    """Return the lines of a table; the first row is its header."""
    header, *rows = cells
    rule = ["---", *["---:"] * (len(header) - 1)]
    return [_markdown_row(row) for row in (header, rule, *rows)]


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
