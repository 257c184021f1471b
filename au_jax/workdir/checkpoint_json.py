"""The JSON items of a checkpoint, compared with their digests when they are read."""

from pathlib import Path
from typing import Any

import orbax.checkpoint as ocp

from au_jax.workdir import digests
from au_jax.workdir.checkpoint_errors import damage_explained, damaged


def read_json(manager: ocp.CheckpointManager, step: int, name: str) -> dict[str, Any]:
    """Read a JSON item of a checkpoint; it is empty if there is none.

    Raises:
        UserError: it is damaged.
    """
    value = _read(manager, step, name)
    compare_json(manager, step, name, value)
    return value


def read_digests(manager: ocp.CheckpointManager, step: int) -> dict[str, Any]:
    """Read the digests of a checkpoint, which have a digest of their own.

    Raises:
        UserError: they are damaged.
    """
    stored = _read(manager, step, "digests")
    if stored and stored.pop("digests", None) != digests.of_json(stored):
        raise damaged(Path(manager.directory) / str(step), "its digests")
    return stored


def compare_json(
    manager: ocp.CheckpointManager, step: int, name: str, value: Any
) -> None:
    """Compare what was read of a checkpoint with its digest, if there is one.

    Raises:
        UserError: they differ.
    """
    stored = read_digests(manager, step)
    if stored and stored.get(name) != digests.of_json(value):
        raise damaged(Path(manager.directory) / str(step), f"its {name}")


def _read(manager: ocp.CheckpointManager, step: int, name: str) -> dict[str, Any]:
    folder = Path(manager.directory) / str(step)
    if not (folder / name).is_dir():
        return {}
    with damage_explained(folder):
        args = ocp.args.Composite(**{name: ocp.args.JsonRestore()})
        value = dict(manager.restore(step, args=args))[name]
    if isinstance(value, dict):
        return value
    raise damaged(folder, f"its {name}")
