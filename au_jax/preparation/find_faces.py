"""Processes that find faces side by side; the results come in the order of the work."""

import collections
import contextlib
import multiprocessing
import os
import signal
import threading
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

T = TypeVar("T")

_find: Finder | None = None  # of a worker process


def find_faces(
    raw: Path,
    folder: Path,
    work: Iterable[tuple[T, Sequence[Row]]],
    workers: int,
    make_finder: Callable[[], Finder],
) -> Generator[tuple[T, Faces], None, None]:
    """The faces of each piece of work: anything, and the rows of its images.

    What `folder` already holds is not done again. Only a few pieces per worker are
    held in memory, and the result is the same for any number of workers.

    Raises:
        UserError: a worker process died.
    """
    if workers == 1:
        find = make_finder()
        for item, rows in work:
            yield item, _faces(raw, folder, rows, find)
        return
    make_finder()  # says what is missing before any process is started
    pool = ProcessPoolExecutor(
        workers,
        multiprocessing.get_context("spawn"),  # dlib and OpenCV hold threads and locks
        _start,
        (make_finder,),
    )
    pending: collections.deque[tuple[T, Future[Faces]]] = collections.deque()
    try:
        for item, rows in work:
            with interrupts_held():
                pending.append((item, pool.submit(_chunk, raw, folder, rows)))
            if len(pending) > 4 * workers:
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


@contextlib.contextmanager
def interrupts_held() -> Generator[None, None, None]:
    """Ctrl-C waits for the end of the block, and never reaches processes begun in it.

    They inherit the mask, so not even one that is still importing shows a traceback;
    the parent ends them in order.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _start(make_finder: Callable[[], Finder]) -> None:
    """Sets up a worker process."""
    global _find
    threading.Thread(target=end_with_parent, daemon=True).start()
    cv2.setNumThreads(1)
    _find = make_finder()


def end_with_parent() -> None:
    """A killed parent cannot end its workers, and they would wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


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
