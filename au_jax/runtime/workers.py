"""What worker processes share: they end with the program, and ignore its signals."""

import collections
import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from au_jax.errors import UserError

T = TypeVar("T")


def num_cores() -> int:
    """Return the number of CPU cores that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def shielded(signals: Collection[signal.Signals]) -> Iterator[None]:
    """Processes that start in this block never receive these signals.

    Ctrl-C in a terminal and the signals of a scheduler reach every process of a group,
    and a worker would die of them with a traceback. Workers inherit the mask that holds
    in this block. The program itself receives the signals by its other threads, or
    after the block.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_with_parent() -> None:
    """In a worker: end this process when the one that started it is gone.

    A program that was killed cannot end its workers, which would wait for work for
    ever.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def pool(
    num_workers: int,
    start: Callable[..., None],
    *arguments: Any,
    task: str = "finds faces",
) -> Iterator[Callable[..., Future[Any]]]:
    """Yield a function that has a worker call a function; all end with the block.

    What the workers have done so far is kept, so that the same command resumes.

    Args:
        num_workers: The most processes; each starts when it is needed.
        start: Sets up a worker.
        arguments: Its arguments.
        task: What a worker does, for the message.

    Raises:
        UserError: a worker died.
    """
    # Not forked: dlib, OpenCV and JAX hold threads and locks.
    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(num_workers, context, start, arguments)

    def submit(function: Callable[..., Any], *of: Any) -> Future[Any]:
        with shielded([signal.SIGINT]):
            return executor.submit(function, *of)

    try:
        yield submit
    except BrokenProcessPool:
        raise UserError(
            f"a process that {task} died, perhaps for lack of memory; run the same"
            " command again to resume, with fewer --workers if it dies again"
        ) from None
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def drawn_ahead(items: Iterable[T], count: int) -> Iterator[T]:
    """Yield the items in order, each after the next `count` ones were drawn."""
    drawn: collections.deque[T] = collections.deque()
    for item in items:
        drawn.append(item)
        if len(drawn) > count:
            yield drawn.popleft()
    yield from drawn
