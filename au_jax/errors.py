"""The exception that stands for a user's mistake, and how programs end on it."""

import errno
import sys
from collections.abc import Callable

# What the machine refuses, wherever a program happens to write.
REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES)


class UserError(Exception):
    """Bad input: the message is one line: what is wrong, where, and what to do."""


def run_program(main: Callable[[], int | None]) -> None:
    """Runs `main` and exits: with 2 and one line on stderr for a `UserError`.

    So it does where the disk is full or may not be written to; with 130 on Ctrl-C.
    """
    try:
        code = main()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        if error.errno not in REFUSALS:
            raise
        where = f"{error.filename}: " if error.filename else ""
        print(f"error: {where}{error.strerror}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("stopped by Ctrl-C", file=sys.stderr)
        sys.exit(130)
    sys.exit(code or 0)
