"""The course of preparation: look through the raw set, find the faces, write them."""

import contextlib
import difflib
import fcntl
import functools
import os
import shlex
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from au_jax.errors import UserError
from au_jax.faces import drawing
from au_jax.faces.detect import Finder, make_finder
from au_jax.preparation import assemble, counts, find_faces, writer
from au_jax.preparation.checks.run import check_one
from au_jax.preparation.survey import look_through
from au_jax.raw import bp4d, disfa, emotionet, folder, lists, rafau, splits
from au_jax.raw.landmark_file import LandmarkFile, attach

T = TypeVar("T")

READERS = {
    "bp4d": bp4d.read,
    "bp4dplus": bp4d.read,
    "disfa": disfa.read,
    "emotionet": emotionet.read,
    "rafau": rafau.read,
    "lists": lists.read,
    "folder": folder.read,
}


def prepare(
    dataset: str,
    raw: Path,
    data_dir: Path,
    processes: int,
    seed: int,
    finder: Callable[[], Finder] = make_finder,
    pause: Callable[[], None] = lambda: None,
    faces: str | None = None,
    known: LandmarkFile | None = None,
    split: str | None = None,
    beam: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> int:
    """Prepares one raw set, or goes on where an interrupted run stopped.

    Args:
        data_dir: the data set goes to `data_dir / dataset / version`.
        seed: of splits and draws.
        finder: makes, in each process, the function that finds landmarks.
        pause: called now and then; what it raises ends the run.
        known: landmarks that need not be found.
        split: name of a published one, instead of what the reader chooses.
        beam: pipeline options of Apache Beam, which then finds the faces.
        options: of the reader, by name.
        faces: how the report shows them: show, blur, none; None as the set permits.

    Returns:
        The exit code: 1 when the check finds what would spoil a training.

    Raises:
        UserError: see the messages.
    """
    check_settings(dataset, raw, data_dir, processes)
    drawing.choose(faces, dataset)
    read = functools.partial(READERS[dataset], raw, seed, **(options or {}))
    if split:
        unsplit, people = read, splits.named(split)
        read = lambda: splits.assign(unsplit(), people)
    if known:
        rows = read
        read = lambda: attach(rows(), known)
        finder = _no_finder
    final = data_dir / dataset / writer.VERSION
    unfinished = final.with_name(f".{writer.VERSION}.partial")
    try:
        done = assemble.stored_report(final)
        survey = look_through(pausing(read(), pause), raw, seed)
        if done and done["fingerprint"] == survey.fingerprint:
            if unfinished.exists():  # killed after the last step but clearing up
                with own(unfinished):
                    shutil.rmtree(unfinished)
            print(f"{final} is up to date: nothing to do\n{counts.table(done)}")
            return check_one(final, raw, faces, pause)
        if done:
            print(f"{final} was made from other files or settings: preparing it again")
        start = time.monotonic()
        with own(unfinished) as partial:
            if beam is not None:
                _by_beam(raw, partial / "faces", pausing(read(), pause), finder, beam)
            work = assemble.cut(pausing(read(), pause))
            found = find_faces.find_faces(
                raw, partial / "faces", work, processes, finder
            )
            with contextlib.closing(found):  # ends the processes
                report = assemble.write(
                    pausing(found, pause), partial / "data", dataset, survey
                )
            finish(partial, final)
    except OSError as error:
        problem = f"{error.filename or data_dir}: {error.strerror or error}"
        raise UserError(f"{problem}; the same command goes on from here") from None
    speed = survey.images / (time.monotonic() - start)
    print(f"wrote {final} ({speed:.0f} images/s)\n{counts.table(report)}")
    return check_one(final, raw, faces, pause)


def _by_beam(
    raw: Path,
    folder: Path,
    items: Iterable[Any],
    finder: Callable[[], Finder],
    options: str,
) -> None:
    try:
        from au_jax.preparation import beam as on_beam
    except ImportError:
        raise UserError(
            "--beam takes Apache Beam: pip install apache-beam, or run without --beam"
        ) from None
    pieces = (rows for _, rows in assemble.cut(items))
    on_beam.find_faces(raw, folder, pieces, finder, shlex.split(options))


def _no_finder() -> Finder:
    """Where all landmarks are known: dlib is not needed."""
    return _find_nothing


def _find_nothing(image: object) -> None:
    return None


def check_settings(dataset: str, raw: Path, data_dir: Path, processes: int) -> None:
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
        raise UserError(f"--data_dir={data_dir} lies in --raw; choose another place")
    try:
        (data_dir / dataset).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write to --data_dir={data_dir}: {error}") from None
    if not os.access(data_dir / dataset, os.W_OK | os.X_OK):
        raise UserError(f"cannot write to --data_dir={data_dir}: permission denied")


def pausing(items: Iterable[T], pause: Callable[[], None]) -> Iterator[T]:
    """The items, with a look at `pause` before each."""
    for item in items:
        pause()
        yield item


@contextlib.contextmanager
def own(partial: Path) -> Iterator[Path]:
    """The hidden folder of unfinished work, for this process alone."""
    (partial / "faces").mkdir(parents=True, exist_ok=True)
    with (partial / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"another run is preparing in {partial.parent}") from None
        yield partial


def finish(partial: Path, final: Path) -> None:
    """Puts the finished data set in its place, and clears the unfinished work away."""
    old = partial / "old"
    shutil.rmtree(old, ignore_errors=True)
    if final.exists():
        final.rename(old)
    (partial / "data").rename(final)
    shutil.rmtree(partial)
