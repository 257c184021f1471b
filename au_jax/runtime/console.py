"""What people see: log lines of this program, not that of libraries."""

import functools
import logging
import sys

from absl import logging as absl_logging
from rich.console import Console
from rich.logging import RichHandler

from au_jax.runtime import processes


@functools.cache
def stderr() -> Console:
    """The one console; in a log file its lines are as long as they are."""
    return Console(stderr=True, width=None if sys.stderr.isatty() else 120)


def set_up_logging() -> None:
    """Sends the package's log to stderr; call once, after the flags are parsed."""
    # Orbax and grain log by absl's logger. Both print the traceback of what they raise
    # as well, and orbax warns of what is meant (no scores at a step). It gets a level
    # of its own: absl's verbosity also silences JAX, which says where it finds no GPU.
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
