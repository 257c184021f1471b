"""The course of preparation: look through the raw set, find the faces, write them."""

import contextlib
import csv
import difflib
import fcntl
import functools
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from rich import progress
from rich.console import Console

from au_jax.data import counts, records
from au_jax.data.survey import Item, Survey, look_through
from au_jax.errors import UserError
from au_jax.faces import workers
from au_jax.faces.chunks import Faces
from au_jax.faces.detect import Finder, make_finder
from au_jax.raw import bp4d, emotionet
from au_jax.raw.row import Reject, Row

READERS = {"bp4d": bp4d.read, "emotionet": emotionet.read}

CHUNK_IMAGES = 64  # what an interruption costs each process
CHUNK_ITEMS = 2048  # images and rejections


def run(
    dataset: str,
    raw: Path,
    data_dir: Path,
    processes: int,
    seed: int,
    finder: Callable[[], Finder] = make_finder,
) -> int:
    """Prepares one raw set; 0 when done, 130 when interrupted.

    Args:
        dataset: one of `READERS`.
        raw: the raw set's folder.
        data_dir: the data set goes to `data_dir / dataset / version`.
        processes: number of processes that find faces.
        seed: of splits and draws.
        finder: makes, in each process, the function that finds landmarks.

    Raises:
        UserError: see the messages.
    """
    check(dataset, raw, data_dir, processes)
    read = functools.partial(READERS[dataset], raw, seed)
    final = data_dir / dataset / records.VERSION
    try:
        survey = look_through(read(), raw, seed)
        done = stored_report(final)
        if done and done["fingerprint"] == survey.fingerprint:
            print(f"{final} is up to date: nothing to do\n{counts.table(done)}")
            return 0
        if done:
            print(f"{final} was made from other files or settings: preparing it again")
        with _own(final.with_name(f".{records.VERSION}.partial")) as partial:
            work = _chunks(read())
            found = workers.find_faces(raw, partial / "faces", work, processes, finder)
            report = _write(found, partial / "data", dataset, survey)
            _finish(partial, final)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where it stopped", file=sys.stderr)
        return 130
    except OSError as error:
        where = error.filename or data_dir
        raise UserError(
            f"{where}: {error.strerror or error}; then run it again"
        ) from None
    print(f"wrote {final}\n{counts.table(report)}")
    return 0


def check(dataset: str, raw: Path, data_dir: Path, processes: int) -> None:
    """Raises a `UserError` for settings that cannot work."""
    if dataset not in READERS:
        names = ", ".join(READERS)
        near = difflib.get_close_matches(dataset.lower(), READERS, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UserError(f"--dataset={dataset} is not known; {hint}There are: {names}")
    if processes < 1:
        raise UserError(f"--workers={processes}: at least one process is needed")
    if not raw.is_dir():
        raise UserError(f"--raw={raw} is not a folder; give the folder of the raw set")
    if data_dir.resolve().is_relative_to(raw.resolve()):
        raise UserError(
            f"--data_dir={data_dir} lies inside --raw; choose another place"
        )
    try:
        (data_dir / dataset).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write to --data_dir={data_dir}: {error}") from None
    if not os.access(data_dir / dataset, os.W_OK | os.X_OK):
        raise UserError(f"cannot write to --data_dir={data_dir}: permission denied")


def stored_report(final: Path) -> dict[str, Any] | None:
    """The counts stored with a finished data set; None when there is none."""
    try:
        report = json.loads((final / "counts.json").read_text())
    except (OSError, ValueError):
        return None
    return report if "fingerprint" in report else None


@contextlib.contextmanager
def _own(partial: Path) -> Iterator[Path]:
    """The hidden folder of unfinished work, for this process alone."""
    (partial / "faces").mkdir(parents=True, exist_ok=True)
    with (partial / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"another run is preparing in {partial.parent}") from None
        yield partial


def _chunks(items: Iterable[Item]) -> Iterator[tuple[list[Item], list[str]]]:
    """Cuts the sequence into pieces of work: the items, and the paths of their images."""
    piece: list[Item] = []
    paths: list[str] = []
    for item in items:
        piece.append(item)
        if isinstance(item, Row):
            paths.append(item.path)
        if len(paths) == CHUNK_IMAGES or len(piece) == CHUNK_ITEMS:
            yield piece, paths
            piece, paths = [], []
    if piece:
        yield piece, paths


def _write(
    found: Iterable[tuple[list[Item], Faces]],
    folder: Path,
    name: str,
    survey: Survey,
) -> dict[str, Any]:
    """Writes the data set with its rejections and counts into `folder`, anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    tally = counts.Counts(survey.aus)
    writer = records.Writer(folder, name, survey.aus)
    first: Reject | None = None
    with (folder / "rejected.csv").open("w", newline="") as stream, _bar() as bar:
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
                    first = first or item
                    tally.reject(item)
                    lines.writerow((item.path, item.reason, item.detail))
            writer.add(examples)
            bar.advance(task, len(faces.jpegs))
    report = tally.report()
    if not report["kept"]:
        why = (
            f"; the first: {first.path}: {first.reason}, {first.detail}"
            if first
            else ""
        )
        raise UserError(f"none of the {report['read']} files can be used{why}")
    writer.close()
    report = {"dataset": name, "fingerprint": survey.fingerprint} | report
    (folder / "counts.json").write_text(json.dumps(report, indent=1) + "\n")
    return report


def _resolved(items: list[Item], faces: Faces) -> Iterator[tuple[Item, bytes, Any]]:
    """The items of a chunk with their faces; an image without one becomes a reject."""
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


def _finish(partial: Path, final: Path) -> None:
    """Puts the finished data set in its place, and clears the unfinished work away."""
    old = partial / "old"
    shutil.rmtree(old, ignore_errors=True)
    if final.exists():
        final.rename(old)
    (partial / "data").rename(final)
    shutil.rmtree(partial)


def _bar() -> progress.Progress:
    return progress.Progress(
        *progress.Progress.get_default_columns(),
        progress.MofNCompleteColumn(),
        console=Console(stderr=True),
    )
