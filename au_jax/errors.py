"""The exception that stands for a user's mistake, and how programs end on it."""

import sys
from collections.abc import Callable


class UserError(Exception):
    """Bad input: the message is one line: what is wrong, where, and what to do."""


def run_program(main: Callable[[], int | None]) -> None:
    """Runs `main` and exits: with 2 and one line on stderr for a `UserError`."""
    try:
        code = main()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    sys.exit(code or 0)
