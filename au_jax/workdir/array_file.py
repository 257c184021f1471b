"""Files of named arrays (NumPy's .npz), written whole and read back with care."""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from au_jax.errors import UserError
from au_jax.runtime.files import read_regular, write_whole

_LIMIT = 1 << 30  # bytes


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays by name; the folder is created.

    Raises:
        UserError: the disk is full, or the folder cannot be written.
    """
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **dict(arrays))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write to {path.parent}: {error.strerror}") from None
    write_whole(path, content.getvalue())


def read_arrays(path: Path, remedy: str) -> dict[str, np.ndarray]:
    """Read arrays by name.

    Args:
        path: The file.
        remedy: What the user can do about a damaged file, for the message.

    Raises:
        FileNotFoundError: there is no such file.
        UserError: the file is damaged.
    """
    if not path.exists():
        raise FileNotFoundError(path)
    try:
        content = io.BytesIO(read_regular(path, _LIMIT))
        with np.load(content, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except Exception as error:  # zipfile and NumPy raise many types
        raise UserError(f"{path} is damaged; {remedy}") from error
