"""Old checkpoints of a stage: superseded by others, or replaced by a new version.

A folder is deleted file by file, so a killed program would leave half a checkpoint.
Each one is therefore renamed first, into a folder where nobody looks for steps. A
checkpoint that is to be replaced counts from there until its new version is complete.
"""

import shutil
from pathlib import Path

from au_jax.errors import UserError, reason

SUPERSEDED = "superseded"
"""Holds the checkpoints to delete; Orbax moves those here that need not be kept."""
REPLACED = "replaced"
"""Holds the checkpoints of which a new version is being written."""


def set_aside(directory: Path, step: int) -> None:
    """Make room for a new version of a checkpoint; the old one counts meanwhile."""
    (directory / REPLACED).mkdir(exist_ok=True)
    (directory / str(step)).rename(directory / REPLACED / str(step))


def folders(directory: Path) -> list[Path]:
    """The folders that hold checkpoints of a stage; if both hold a step, the first."""
    return [path for path in (directory, directory / REPLACED) if path.is_dir()]


def latest_replaced(directory: Path) -> int:
    """The latest step of which a new version is being written; 0 if there is none."""
    return max((int(old.name) for old in _replaced(directory)), default=0)


def clear(directory: Path) -> None:
    """Delete the old checkpoints; put those back whose new version is not complete.

    No other program may be writing in this folder.

    Raises:
        UserError: the folder cannot be changed.
    """
    superseded = directory / SUPERSEDED
    try:
        for old in _replaced(directory):
            if not (directory / old.name).exists():
                old.rename(directory / old.name)
        _delete(superseded)
        if (directory / REPLACED).is_dir():
            (directory / REPLACED).rename(superseded)
            _delete(superseded)
    except OSError as error:
        raise UserError(
            f"cannot delete old checkpoints in {directory}: {reason(error)}; the others"
            " are intact: run the same command again to resume"
        ) from error


def _replaced(directory: Path) -> list[Path]:
    return [path for path in (directory / REPLACED).glob("*") if path.name.isdecimal()]


def _delete(folder: Path) -> None:
    if folder.is_dir():
        shutil.rmtree(folder)
