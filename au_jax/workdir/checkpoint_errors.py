"""The errors of checkpoints, one line each in place of the many that Orbax raises."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import orbax.checkpoint as ocp

from au_jax.errors import UserError
from au_jax.workdir import old_checkpoints


class OtherNetworks(UserError):
    """A checkpoint holds other arrays than the config describes."""


def damaged(folder: Path, part: str) -> UserError:
    """The error for a checkpoint whose `part` is damaged."""
    return UserError(
        f"{folder} is damaged ({part}); copy it again, or delete {folder}, and the"
        " checkpoint before it counts"
    )


@contextlib.contextmanager
def damage_explained(folder: Path) -> Iterator[None]:
    """Turn the many errors that Orbax raises for damaged files into one line."""
    try:
        yield
    except (UserError, MemoryError):
        raise
    except Exception as error:
        text = " ".join(str(error).split())[:150]
        raise damaged(folder, f"{type(error).__name__}: {text}") from error


@contextlib.contextmanager
def disk_errors_explained(manager: ocp.CheckpointManager) -> Iterator[None]:
    """Turn the errors that Orbax raises on a full or vanished disk into one line."""
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:
        text = " ".join(str(error).split())
        known = ("No space left", "File too large", "Disk quota", "Permission denied")
        reason = next((x for x in (*known, "No such file") if x in text), text[:200])
        replaced = old_checkpoints.latest_replaced(Path(manager.directory))
        step = max(manager.latest_step() or 0, replaced)
        after = f"step {step}" if step else "the start"
        raise UserError(
            f"cannot write a checkpoint to {manager.directory}: {reason}; earlier ones"
            f" are intact: run the same command again to resume from {after}"
        ) from error
