"""JSON files of a run, read back as if a stranger had written them."""

import json
from pathlib import Path
from typing import Any

from au_jax.errors import UserError
from au_jax.runtime.files import read_regular

_LIMIT = 1 << 26  # bytes


def read_json(path: Path, remedy: str) -> dict[str, Any]:
    """Read a JSON object.

    Args:
        path: The file.
        remedy: What the user can do about a damaged file, for the message.

    Raises:
        UserError: the file cannot be read, or holds no JSON object.
    """
    try:
        value = json.loads(read_regular(path, _LIMIT))
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise damaged(path, remedy) from None
    if not isinstance(value, dict):
        raise damaged(path, remedy)
    return value


def damaged(path: Path, remedy: str) -> UserError:
    """The error for a damaged file."""
    return UserError(f"{path} is damaged; {remedy}")
