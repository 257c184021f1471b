"""Write files so that each is either complete or as it was before."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from au_jax.errors import UserError


@contextlib.contextmanager
def replacing(path: Path, shared: bool = False) -> Iterator[Path]:
    """Yield a temporary path whose file replaces `path` when the block ends.

    If the block raises, the temporary file is removed and `path` stays as it was. The
    data are on the disk before `path` changes, so a crash cannot leave an empty file.

    Args:
        path: The file to create or replace.
        shared: Other processes may write the same file at the same time.

    Raises:
        UserError: the file cannot be written.
    """
    mark = f".{os.getpid()}" if shared else ""
    part = path.with_name(f".{path.stem}{mark}.part{path.suffix}")
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
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
