"""Processes that find faces side by side; the results come in the order of the work."""

import collections
import multiprocessing
import signal
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TypeVar

import cv2

from au_jax.errors import UserError
from au_jax.faces.detect import Finder
from au_jax.preparation import chunks
from au_jax.preparation.chunks import Faces
from au_jax.raw.row import Row
from au_jax.runtime import workers

T = TypeVar("T")

_find: Finder | None = None  # of a worker process


def find_faces(
    raw: Path,
    folder: Path,
    work: Iterable[tuple[T, Sequence[Row]]],
    num_workers: int,
    make_finder: Callable[[], Finder],
) -> Generator[tuple[T, Faces], None, None]:
    """The faces of each piece of work: anything, and the rows of its images.

    What `folder` already holds is not done again. Only a few pieces per worker are
    held in memory, and the result is the same for any number of workers.

    Raises:
        UserError: a worker process died.
    """
    if num_workers == 1:
        find = make_finder()
        for item, rows in work:
            yield item, _faces(raw, folder, rows, find)
        return
    make_finder()  # says what is missing before any process is started
    pool = ProcessPoolExecutor(
        num_workers,
        multiprocessing.get_context("spawn"),  # dlib and OpenCV hold threads and locks
        _start,
        (make_finder,),
    )
    pending: collections.deque[tuple[T, Future[Faces]]] = collections.deque()
    try:
        for item, rows in work:
            with workers.shielded([signal.SIGINT]):
                pending.append((item, pool.submit(_chunk, raw, folder, rows)))
            if len(pending) > 4 * num_workers:
                item, future = pending.popleft()
                yield item, future.result()
        for item, future in pending:
            yield item, future.result()
    except BrokenProcessPool:
        raise UserError(
            "a process that finds faces died, perhaps for want of memory; run the same "
            "command again to go on, with fewer --workers if it dies again"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start(make_finder: Callable[[], Finder]) -> None:
    """Sets up a worker process."""
    global _find
    workers.end_with_parent()
    cv2.setNumThreads(1)
    _find = make_finder()


def _chunk(raw: Path, folder: Path, rows: Sequence[Row]) -> Faces:
    assert _find is not None
    return _faces(raw, folder, rows, _find)


def _faces(raw: Path, folder: Path, rows: Sequence[Row], find: Finder) -> Faces:
    """One chunk's faces, from its file when there is one."""
    file = chunks.chunk_file(folder, raw, rows)
    faces = chunks.load(file)
    if faces is None:
        faces = chunks.extract(raw, rows, find)
        chunks.save(file, faces)
    return faces
