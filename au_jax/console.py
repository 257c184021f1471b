"""What people see: log lines of this program, and only the warnings of libraries."""

import logging

from absl import logging as absl_logging
from rich.console import Console
from rich.logging import RichHandler


def set_up_logging() -> None:
    """Sends the package's log to stderr; call once, after the flags are parsed."""
    absl_logging.set_verbosity(absl_logging.WARNING)
    handler = RichHandler(
        console=Console(stderr=True), show_path=False, log_time_format="[%H:%M:%S]"
    )
    logger = logging.getLogger("au_jax")
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.INFO)
