"""Find faces in several processes; the results keep the order of the work."""

from collections.abc import Callable, Generator, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import cv2

from au_jax.faces.detect import LandmarkFinder
from au_jax.preparation import chunks
from au_jax.preparation.chunks import Faces
from au_jax.raw.row import Row
from au_jax.runtime import workers

T = TypeVar("T")

_find: LandmarkFinder | None = None  # in a worker


def find_faces(
    raw: Path,
    folder: Path,
    work: Iterable[tuple[T, Sequence[Row]]],
    num_workers: int,
    make_finder: Callable[[], LandmarkFinder],
) -> Generator[tuple[T, Faces], None, None]:
    """Yield each piece of work with the faces of its images.

    The result is the same for any number of workers. Only a few pieces per worker are
    held in memory.

    Args:
        raw: The raw folder.
        folder: Holds the results of earlier runs, which are reused, and gets the new.
        work: Pieces of work: anything, and the rows of its images.
        num_workers: Processes; with 1, this process does the work itself.
        make_finder: Makes, in each process, the function that finds landmarks.

    Raises:
        UserError: a worker died.
    """
    if num_workers == 1:
        find = make_finder()
        for item, rows in work:
            yield item, _faces(raw, folder, rows, find)
        return
    make_finder()  # reports a missing package before any process starts
    with workers.pool(num_workers, _start, make_finder) as submit:
        begun = ((item, submit(_chunk, raw, folder, rows)) for item, rows in work)
        for item, future in workers.drawn_ahead(begun, 4 * num_workers):
            yield item, future.result()


def _start(make_finder: Callable[[], LandmarkFinder]) -> None:
    """Set up a worker."""
    global _find
    workers.end_with_parent()
    cv2.setNumThreads(1)
    _find = make_finder()


def _chunk(raw: Path, folder: Path, rows: Sequence[Row]) -> Faces:
    assert _find is not None
    return _faces(raw, folder, rows, _find)


def _faces(raw: Path, folder: Path, rows: Sequence[Row], find: LandmarkFinder) -> Faces:
    """Return the faces of a chunk, from its file if there is one."""
    file = chunks.chunk_file(folder, raw, rows)
    faces = chunks.load(file)
    if faces is None:
        faces = chunks.extract(raw, rows, find)
        chunks.save(file, faces)
    return faces
