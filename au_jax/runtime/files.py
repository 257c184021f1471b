"""The doors to the disk: read files of others, and write ours whole.

Files of others may be anything: pipes that never answer, devices without an end, files
larger than memory. Everything that reads one opens it by `open_regular`.
"""

import contextlib
import errno
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from au_jax.errors import UserError, reason


def open_regular(path: Path, limit: int | None = None) -> BinaryIO:
    """Open a file for reading, unless it is no regular file, or too large.

    Links are followed: one in the user's own folder is the user's word.

    Args:
        path: The file.
        limit: The most bytes that the caller is ready to read.

    Raises:
        OSError: the file is absent, not readable, a pipe, a device or a folder, or
            larger than the limit; `strerror` says which.
    """
    # Without O_NONBLOCK, opening a pipe waits for somebody to write to it.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        if limit is not None and status.st_size > limit:
            size, most = (f"{n / 1e6:,.0f} MB" for n in (status.st_size, limit))
            text = f"{size}, and at most {most} are read"
            raise OSError(errno.EFBIG, text, str(path))
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_regular(path: Path, limit: int) -> bytes:
    """Read a whole file; see `open_regular`."""
    with open_regular(path, limit) as file:
        data = file.read(limit + 1)
    if len(data) > limit:  # it grew meanwhile
        raise OSError(errno.EFBIG, "it grows while it is read", str(path))
    return data


@contextlib.contextmanager
def plain_path(path: Path) -> Iterator[Path]:
    """Yield an absolute path of a file that can be printed as UTF-8, for OpenCV.

    OpenCV ends the process at a name that is no UTF-8. Such a file gets a link in a
    temporary folder until the block ends; the file itself need not exist yet.

    Raises:
        OSError: the link cannot be made.
    """
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError:
        with tempfile.TemporaryDirectory(prefix="au-jax-") as folder:
            # The suffix tells the format.
            suffix = os.fsencode(path.suffix).decode(errors="ignore")
            link = Path(folder, f"file{suffix}")
            link.symlink_to(path.absolute())
            yield link
    else:
        yield path.absolute()


@contextlib.contextmanager
def replacing(path: Path, shared: bool = False) -> Iterator[Path]:
    """Yield a temporary path whose file replaces `path` when the block ends.

    If the block raises, the temporary file is removed and `path` stays as it was. The
    data are on the disk before `path` changes, so a crash cannot leave an empty file.

    Args:
        path: The file to create or replace.
        shared: Other processes may write the same file at the same time.

    Raises:
        UserError: the file cannot be written, or `path` is a folder, a device or a
            pipe.
    """
    mark = f".{os.getpid()}" if shared else ""
    part = path.with_name(f".{path.stem}{mark}.part{path.suffix}")
    if path.exists() and not path.is_file():
        raise UserError(f"cannot write {path}: it is not a regular file; give another")
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise UserError(f"cannot write {path}: {reason(error)}") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def write_whole(path: Path, data: str | bytes) -> None:
    """Replace `path` by a file with this content; text is encoded as UTF-8.

    Raises:
        UserError: the file cannot be written; it stays as it was.
    """
    with replacing(path) as part:
        part.write_bytes(data.encode() if isinstance(data, str) else data)


def append(path: Path, data: bytes) -> None:
    """Add bytes to the end of a file; if this fails, a part of them may be there.

    Raises:
        UserError: the file cannot be written.
    """
    try:
        with path.open("ab") as file:  # closing it writes, too
            file.write(data)
    except OSError as error:
        raise UserError(f"cannot write {path}: {reason(error)}") from None


@contextlib.contextmanager
def locked(folder: Path, work: str, name: str = ".lock") -> Iterator[None]:
    """Create a folder and hold its lock; the system frees the lock of a dead program.

    Args:
        folder: The folder that a program writes to.
        work: What the program does there, for the message: "training in runs/joint".
        name: The name of the lock file.

    Raises:
        UserError: another program holds the lock, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / name).open("w")
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {reason(error)}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"another program is {work}") from None
        yield
