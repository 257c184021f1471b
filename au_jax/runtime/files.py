"""Files that are there whole or not at all."""

import os
from pathlib import Path

from au_jax.errors import UserError


def write_whole(path: Path, data: str | bytes) -> None:
    """Writes a whole file, or, if the program or the disk fails, nothing of it.

    Raises:
        UserError: it cannot be written.
    """
    new = path.with_name(f".{path.name}.new")
    try:
        with new.open("wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise UserError(f"cannot write {path}: {error.strerror}") from error
