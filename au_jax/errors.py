"""The exception for a user's mistake, and the one way in which programs end."""

import errno
import io
import logging
import os
import shlex
import sys
import tempfile
import traceback
from collections.abc import Callable

# Errors of the machine, or of a path that a user gives, that may occur anywhere.
REFUSALS = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM),
    *(errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.ELOOP),
    *(errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENFILE),
)
# The words with which XLA says that a device has no memory left.
OUT_OF_MEMORY = ("RESOURCE_EXHAUSTED", "Out of memory", "out of memory")


MOST_STRAYS = 1 << 16
"""Characters of the tracebacks of callbacks that are kept."""


class UserError(Exception):
    """Bad input; the message says in one line what is wrong, where, and what to do."""


def run_program(main: Callable[[], int | None]) -> None:
    """Run `main` and exit with its code.

    After an exception, stderr gets one line, and the exit code is

    - 2 for a `UserError`, a full disk or a path that cannot be read or written;
    - 130 for Ctrl-C;
    - 141 if the program that reads the output has ended (`au-jax --help | head -1`), as
      for other tools; there is no line then;
    - 1 for anything else, a fault of ours: the line says where the traceback is.

    Libraries print the errors of their callbacks and of objects that Python drops:
    dozens after one full disk. They are shown only if `main` itself ends well.
    """
    code: object
    _open_streams()
    strays = _hold_back_strays()
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
    if code:
        logging.disable()
    else:
        sys.excepthook, sys.unraisablehook = sys.__excepthook__, sys.__unraisablehook__
        sys.stderr.write(strays.getvalue())
    sys.exit(code)


def _open_streams() -> None:
    """Open the standard streams that are closed, and let stdout take any text.

    Schedulers close some, and so does `>&-`. The next file that a program opens would
    get the number of a closed stream, and what a library writes to it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            handle = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(handle, True)  # workers need them, too
            setattr(sys, name, os.fdopen(handle, mode))
    # A name that the terminal's encoding lacks must not cost the end of a run.
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


def _hold_back_strays() -> io.StringIO:
    """Collect the tracebacks that no caller of ours will ever catch."""
    strays = io.StringIO()
    logging.getLogger("asyncio").disabled = True  # it is Orbax that uses it

    def hold(error: BaseException | None, origin: str = "") -> None:
        if error is not None and strays.tell() < MOST_STRAYS:
            strays.write(origin + "".join(traceback.format_exception(error)))

    sys.excepthook = lambda kind, error, trace: hold(error)
    sys.unraisablehook = lambda dropped: hold(
        dropped.exc_value, f"Exception ignored in: {type(dropped.object)}\n"
    )
    return strays


def _end(error: Exception) -> int:
    """Explain an exception in one line; return the exit code."""
    if isinstance(error, UserError):
        return _tell(f"error: {error}", 2)
    if isinstance(error, OSError) and error.errno in REFUSALS:
        where = f"{_shortened(str(error.filename))}: " if error.filename else ""
        return _tell(f"error: {where}{reason(error)}", 2)
    if isinstance(error, MemoryError) or any(x in str(error) for x in OUT_OF_MEMORY):
        return _tell("error: out of memory; use a smaller input or batch", 1)
    text = " ".join(str(error).split())[:200]
    return _tell(
        f"error: {type(error).__name__}: {text} (a fault of au_jax, please report it;"
        f" traceback: {_save_traceback(error)})",
        1,
    )


def reason(error: OSError) -> str:
    """Return why the system refused; if the disk is full, also what to do."""
    text = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{text}; make room, then run the same command again"
    return text


def _shortened(path: str) -> str:
    """The path, without the middle of a very long one."""
    return path if len(path) <= 120 else f"{path[:60]}...{path[-40:]}"


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
    sys.stderr.write(printable(line) + "\n")
    return code


def printable(text: str) -> str:
    """Return the text with escapes for what a terminal would obey or cannot print.

    A byte that is no UTF-8 becomes `\\udcXX`, a control character `\\r` or `\\x1b`.
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
