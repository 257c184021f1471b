"""Assemble rows and their faces into a data set, with its rejects and counts."""

import contextlib
import csv
import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich import progress
from rich.console import Console

from au_jax.data import metadata
from au_jax.data.reader import INTENSITIES
from au_jax.errors import UserError, printable
from au_jax.media.names import shown
from au_jax.preparation import chunks, counts, writer
from au_jax.preparation.chunks import Faces
from au_jax.raw import splits
from au_jax.raw.row import Reject, Row
from au_jax.runtime.files import read_regular, write_whole

CHUNK_IMAGES = 64  # an interruption costs each process the work on at most so many
CHUNK_ITEMS = 2048  # images and rejects
_MAX_BYTES = 1 << 24  # of metadata.json

Item = Row | Reject


@dataclass(frozen=True)
class Survey:
    """What a raw set holds, before any image is opened."""

    aus: tuple[int, ...]
    """The AUs that are coded in at least one image, ascending."""
    images: int
    """Rows with an image, usable or not."""
    fingerprint: str
    """It changes whenever a row, an image file or a setting does."""
    split_rules: Mapping[str, str] = field(default_factory=dict)
    """By split: who chose its images, in the words of `raw/splits.py`."""
    bp4d_subjects: frozenset[str] = frozenset()
    """Those of BP4D's 41 subjects that there are."""
    knows_landmarks: bool = False
    """Whether the rows state the landmarks of all images, so that none are found."""


def take_survey(
    items: Iterable[Item], raw: Path, seed: int, landmarks: str = "dlib68"
) -> Survey:
    """Read all rows, and the size and time of change of their image files.

    Args:
        items: The rows and rejects.
        raw: The raw folder.
        seed: The seed of splits and draws.
        landmarks: `detect.version`.
    """
    digest = hashlib.sha256(f"{writer.VERSION} {chunks.SETTINGS} {seed}".encode())
    if landmarks != "dlib68":  # sets of older versions do not say that it was dlib
        digest.update(landmarks.encode())
    aus: set[int] = set()
    rules: dict[str, dict[str, None]] = {split: {} for split in counts.SPLITS}
    people: set[str] = set()
    images = known = 0
    for item in items:
        digest.update(repr(item).encode())
        if isinstance(item, Row):
            if item.intensities:
                digest.update(repr(item.intensities).encode())
            digest.update(chunks.stamp(raw / item.file).encode())
            aus.update(item.aus)
            images += 1
            known += bool(item.landmarks)
            rules.setdefault(item.split, {})[item.split_rule] = None
            if item.subject in splits.BP4D:
                people.add(item.subject)
    return Survey(
        aus=tuple(sorted(aus)),
        images=images,
        fingerprint=digest.hexdigest(),
        split_rules={s: ", ".join(some) for s, some in rules.items() if some},
        bp4d_subjects=frozenset(people),
        knows_landmarks=0 < images == known,
    )


def cut(items: Iterable[Item]) -> Iterator[tuple[list[Item], list[Row]]]:
    """Yield pieces of work in order: some items, and those of them that are images."""
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


@contextlib.contextmanager
def _table(file: Path, header: Iterable[str]) -> Iterator[Any]:
    """Open a CSV file for writing, and write its header."""
    with file.open("w", newline="", encoding="utf-8") as stream:
        lines = csv.writer(stream, lineterminator="\n")
        lines.writerow(header)
        yield lines


def write(
    pieces: Iterable[tuple[list[Item], Faces]],
    folder: Path,
    name: str,
    survey: Survey,
    landmarks_by: str,
    licence: str = "",
) -> dict[str, Any]:
    """Write the data set, `rejected.csv` and `counts.json` into a new `folder`.

    Args:
        pieces: Rows and rejects with the faces of the rows.
        folder: The folder.
        name: The raw set that was read, or that of a rendered set.
        survey: The result of `take_survey`.
        landmarks_by: The origin of the landmarks, for the metadata (`writer.Writer`).
        licence: The licence of the pictures, likewise.

    Returns:
        The content of `counts.json`.

    Raises:
        UserError: no image can be used, or the raw set has changed since the survey.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    tally = counts.Counts(survey.aus)
    records = writer.Writer(
        folder, name, survey.aus, landmarks_by, survey.split_rules, licence
    )
    seen, first = _write_tables(pieces, folder, records, tally, survey)
    if seen != survey.images:
        raise UserError(
            f"the raw set had {survey.images} images at first, and {seen} when they"
            " were read: it is being changed; wait, and run the same command again"
        )
    report = tally.report()
    if not report["kept"]:
        read = f"none of the {report['read']} files can be used"
        raise UserError(read + printable(first))
    records.close()
    report = {"dataset": name, "fingerprint": survey.fingerprint} | report
    (folder / "counts.json").write_text(json.dumps(report, indent=1) + "\n")
    return report


def _write_tables(
    pieces: Iterable[tuple[list[Item], Faces]],
    folder: Path,
    records: writer.Writer,
    tally: counts.Counts,
    survey: Survey,
) -> tuple[int, str]:
    """Write the records, rejects and intensities.

    Return the number of images, and what was wrong with the first file that was left
    out, for a message.
    """
    first, seen, has_intensities = "", 0, False
    columns = [f"AU{au:02d}" for au in survey.aus]
    with (
        _table(folder / "rejected.csv", ("path", "reason", "detail")) as lines,
        _table(folder / INTENSITIES, ("path", *columns)) as strengths,
        _bar() as bar,
    ):
        task = bar.add_task(f"preparing {records.name}", total=survey.images)
        for items, faces in pieces:
            examples: dict[str, list[dict[str, Any]]] = {}
            for item, jpeg, landmarks in _resolved(items, faces):
                if isinstance(item, Row):
                    tally.keep(item)
                    if item.intensities:
                        stated = (item.intensities.get(au, "") for au in survey.aus)
                        strengths.writerow((item.path, *stated))
                        has_intensities = True
                    one = writer.example(item, jpeg, landmarks, survey.aus)
                    examples.setdefault(item.split, []).append(one)
                else:
                    first = first or f"; {item.path}: {item.reason}, {item.detail}"
                    tally.reject(item)
                    detail = printable(item.detail)
                    lines.writerow((shown(item.path), item.reason, detail))
            records.add(examples)
            bar.advance(task, len(faces.jpegs))
            seen += len(faces.jpegs)
    if not has_intensities:
        (folder / INTENSITIES).unlink()
    return seen, first


def renew_metadata(
    folder: Path, dataset: str, survey: Survey, licence: str | None
) -> None:
    """Store the licence of a finished set, and what older versions did not store.

    Older versions also recorded landmarks that lists state as found by a method.

    Its records stay as they are. Damaged metadata do, too: the check names them.

    Args:
        folder: The folder of the set.
        dataset: The raw set that was read.
        survey: The result of `take_survey`.
        licence: The licence of the pictures; None keeps what is stored.

    Raises:
        UserError: the disk is full.
    """
    file = folder / metadata.FILE
    try:
        stored = _stored_metadata(folder)
        rules = dict(survey.split_rules)
        known = stored | {"dataset": dataset, "split_rules": rules}
        if survey.knows_landmarks:
            known["landmarks_by"] = "file"
        if licence is not None:
            known["licence"] = licence
    except (OSError, ValueError, TypeError, RecursionError):
        return
    if known != stored:
        write_whole(file, json.dumps(known))


def stored_licence(folder: Path) -> str:
    """Return the licence that a finished set states, or ""."""
    try:
        return printable(str(_stored_metadata(folder).get("licence", "")))
    except (OSError, ValueError, AttributeError, RecursionError):
        return ""


def _stored_metadata(folder: Path) -> Any:
    return json.loads(read_regular(folder / metadata.FILE, _MAX_BYTES))


def stored_report(folder: Path) -> dict[str, Any] | None:
    """Return the counts of a finished data set, or None if there is none.

    Raises:
        UserError: the folder holds something else.
    """
    if not folder.exists():
        return None
    try:
        report = counts.read_counts(folder)
        intact = bool(report and isinstance(report.get("fingerprint"), str))
    except (OSError, ValueError, RecursionError):
        report, intact = None, False
    if not intact:
        raise UserError(
            f"{folder} was not written by this program, or its counts.json is damaged;"
            " move it away or choose another --data_dir"
        )
    return report


def _resolved(items: list[Item], faces: Faces) -> Iterator[tuple[Item, bytes, Any]]:
    """Yield the items of a piece with their faces.

    An image without a face becomes a reject.
    """
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
