"""Puts rows and their faces together into a data set with its rejections and counts."""

import csv
import json
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rich import progress
from rich.console import Console

from au_jax.errors import UserError
from au_jax.preparation import counts
from au_jax.preparation import writer as records
from au_jax.preparation.chunks import Faces
from au_jax.preparation.survey import Item, Survey
from au_jax.raw.row import Reject, Row

CHUNK_IMAGES = 64  # what an interruption costs each process
CHUNK_ITEMS = 2048  # images and rejections


def cut(items: Iterable[Item]) -> Iterator[tuple[list[Item], list[Row]]]:
    """Pieces of work, in order: some items, and those that are images."""
    piece: list[Item] = []
    rows: list[Row] = []
    for item in items:
        piece.append(item)
        if isinstance(item, Row):
            rows.append(item)
        if len(rows) == CHUNK_IMAGES or len(piece) == CHUNK_ITEMS:
            yield piece, rows
            piece, rows = [], []
    if piece:
        yield piece, rows


def write(
    found: Iterable[tuple[list[Item], Faces]], folder: Path, name: str, survey: Survey
) -> dict[str, Any]:
    """Writes the data set, `rejected.csv` and `counts.json` into `folder`, anew.

    Returns:
        What `counts.json` holds.

    Raises:
        UserError: nothing can be used, or the raw set has changed since the survey.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    tally = counts.Counts(survey.aus)
    writer = records.Writer(folder, name, survey.aus)
    first, seen = "", 0
    # File names that are no text are named all the same, with \ and numbers.
    rejected = (folder / "rejected.csv").open(
        "w", newline="", encoding="utf-8", errors="backslashreplace"
    )
    with rejected as stream, _bar() as bar:
        lines = csv.writer(stream, lineterminator="\n")
        lines.writerow(("path", "reason", "detail"))
        task = bar.add_task(f"preparing {name}", total=survey.images)
        for items, faces in found:
            examples: dict[str, list[dict[str, Any]]] = {}
            for item, jpeg, landmarks in _resolved(items, faces):
                if isinstance(item, Row):
                    tally.keep(item)
                    one = records.example(item, jpeg, landmarks, survey.aus)
                    examples.setdefault(item.split, []).append(one)
                else:
                    first = first or f"; {item.path}: {item.reason}, {item.detail}"
                    tally.reject(item)
                    lines.writerow((item.path, item.reason, item.detail))
            writer.add(examples)
            bar.advance(task, len(faces.jpegs))
            seen += len(faces.jpegs)
    if seen != survey.images:
        raise UserError(
            f"the raw set held {survey.images} images at first and {seen} when they"
            " were read: something changes it; wait, and give the same command again"
        )
    report = tally.report()
    if not report["kept"]:
        raise UserError(f"none of the {report['read']} files can be used{first}")
    writer.close()
    report = {"dataset": name, "fingerprint": survey.fingerprint} | report
    (folder / "counts.json").write_text(json.dumps(report, indent=1) + "\n")
    return report


def stored_report(folder: Path) -> dict[str, Any] | None:
    """The counts of a finished data set; None when there is none.

    Raises:
        UserError: the folder holds something else.
    """
    if not folder.exists():
        return None
    try:
        report = json.loads((folder / "counts.json").read_text())
        if not report.keys() >= {"fingerprint", "splits"}:
            raise ValueError("some other file")
    except (OSError, ValueError, AttributeError):
        raise UserError(
            f"{folder} was not written by this program (no counts.json); "
            "move it away or choose another --data_dir"
        ) from None
    return report


def _resolved(items: list[Item], faces: Faces) -> Iterator[tuple[Item, bytes, Any]]:
    """The items of a piece with their faces; an image without one becomes a reject."""
    index = 0
    for item in items:
        if isinstance(item, Reject):
            yield item, b"", None
            continue
        reason, detail = faces.problems[index]
        if reason:
            yield Reject(item.path, reason, detail), b"", None
        else:
            yield item, faces.jpegs[index], faces.landmarks[index]
        index += 1


def _bar() -> progress.Progress:
    return progress.Progress(
        *progress.Progress.get_default_columns(),
        progress.MofNCompleteColumn(),
        console=Console(stderr=True),
    )
