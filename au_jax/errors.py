"""The exception for a user's mistake, and how programs end because of it."""

import errno
import sys
from collections.abc import Callable

# Errors of the machine that may occur wherever a program writes.
REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES)


class UserError(Exception):
    """Bad input; the message says in one line what is wrong, where, and what to do."""


def run_program(main: Callable[[], int | None]) -> None:
    """Run `main` and exit with its code.

    The exit code is 2 after a `UserError`, a full disk or a file that may not be
    written, with one line on stderr. It is 130 after Ctrl-C.
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
