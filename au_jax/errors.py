"""The exception for a user's mistake, and the one way in which programs end."""

import errno
import os
import shlex
import sys
import tempfile
import traceback
from collections.abc import Callable

# Errors of the machine that may occur wherever a program writes.
REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES)


class UserError(Exception):
    """Bad input; the message says in one line what is wrong, where, and what to do."""


def run_program(main: Callable[[], int | None]) -> None:
    """Run `main` and exit with its code.

    After an exception, stderr gets one line, and the exit code is

    - 2 for a `UserError`, a full disk or a file that may not be written;
    - 130 for Ctrl-C;
    - 141 if the program that reads the output has ended (`au-jax --help | head -1`), as
      for other tools; there is no line then;
    - 1 for anything else, a fault of ours: the line says where the traceback is.
    """
    code: object
    try:
        try:
            code = main()
        except SystemExit as ended:  # absl ends programs so
            code = ended.code
        # Here, not at the interpreter's exit, where an error becomes a traceback.
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = _tell("stopped by Ctrl-C", 130)
    except BrokenPipeError:
        # The interpreter flushes stdout once more at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 141
    except Exception as error:
        code = _end(error)
    sys.exit(code)


def _end(error: Exception) -> int:
    """Explain an exception in one line; return the exit code."""
    if isinstance(error, UserError):
        return _tell(f"error: {error}", 2)
    if isinstance(error, OSError) and error.errno in REFUSALS:
        where = f"{error.filename}: " if error.filename else ""
        return _tell(f"error: {where}{error.strerror}", 2)
    if isinstance(error, MemoryError):
        return _tell("error: out of memory; use a smaller input or batch", 1)
    text = " ".join(str(error).split())[:200]
    return _tell(
        f"error: {type(error).__name__}: {text} (a fault of au_jax, please report it;"
        f" traceback: {_save_traceback(error)})",
        1,
    )


def _save_traceback(error: Exception) -> str:
    """Write the command and the traceback to a new file; return its path."""
    text = "".join(traceback.format_exception(error))
    try:
        handle, path = tempfile.mkstemp(prefix="au-jax-", suffix=".txt")
        with os.fdopen(handle, "w", errors="backslashreplace") as file:
            file.write(f"{shlex.join(sys.argv)}\n\n{text}")
    except OSError:
        return "could not be saved, the disk is full"
    return path


def _tell(line: str, code: int) -> int:
    """Print one line on stderr, without control characters; return the exit code."""
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)
    sys.stderr.write(shown + "\n")
    return code
