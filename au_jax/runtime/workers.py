"""What worker processes share: they end with the program, and ignore its signals."""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Collection, Iterator


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
