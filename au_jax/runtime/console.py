"""The console: this program's log lines without those of libraries, and progress."""

import functools
import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from absl import logging as absl_logging
from rich.console import Console
from rich.logging import RichHandler
from rich.progress import track

from au_jax.runtime import processes

LOG = logging.getLogger(__name__)

Item = TypeVar("Item")

EVERY = 30.0
"""Seconds from one line of progress in a log file to the next."""


@functools.cache
def stderr() -> Console:
    """Return the one console; its lines are not wrapped in a log file."""
    return Console(stderr=True, width=None if sys.stderr.isatty() else 120)


def set_up_logging() -> None:
    """Send the package's log to stderr; call this once, after the flags are parsed."""
    # Orbax and grain use absl's logger. Both log the traceback of errors that they also
    # raise, and orbax warns of steps without scores, which are intended. Its level is
    # set separately, because absl's verbosity also silences JAX, which reports a GPU
    # that it cannot use.
    absl_logging.set_verbosity(absl_logging.WARNING)
    logging.getLogger("absl").setLevel(logging.CRITICAL)
    if stderr().is_terminal:
        handler: logging.Handler = RichHandler(
            console=stderr(), show_path=False, log_time_format="[%H:%M:%S]"
        )
    else:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    logger = logging.getLogger("au_jax")
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.INFO if processes.first() else logging.WARNING)


def counted(items: Iterable[Item], total: int, activity: str) -> Iterator[Item]:
    """Yield items, and show how many are done: a bar in a terminal, else log lines.

    Work of less than `EVERY` seconds leaves no line in a log file.
    """
    if stderr().is_terminal and processes.first():
        yield from track(items, activity, total, console=stderr(), transient=True)
        return
    last = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        if time.monotonic() - last >= EVERY:
            last = time.monotonic()
            LOG.info("%s: %.0f%%", activity, 100 * done / total)
