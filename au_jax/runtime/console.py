"""The console: this program's log lines, without those of libraries."""

import functools
import logging
import sys

from absl import logging as absl_logging
from rich.console import Console
from rich.logging import RichHandler

from au_jax.runtime import processes


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
