"""Checkpoints of one stage; only this module and `checkpoint_json` call Orbax.

A checkpoint is named after the number of steps done, which is also the position in the
data. The folder keeps the latest two, and the best one by each rule of `RULES`.

Orbax does not notice a bit that changed on the disk. So each checkpoint stores the
digests of all that it holds, and everything that is read back is compared with them.
Checkpoints of older versions have no digests and are read as they are.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers

from au_jax.errors import UserError
from au_jax.runtime import processes
from au_jax.stages.state import TrainState, checkpoint_items
from au_jax.types import DOMAINS, RULES, Variables
from au_jax.workdir import digests, old_checkpoints
from au_jax.workdir.checkpoint_errors import (
    OtherNetworks,
    damage_explained,
    damaged,
    disk_errors_explained,
)
from au_jax.workdir.checkpoint_json import compare_json, read_digests, read_json

Scores = dict[str, float]
"""Validation scores by rule; higher is better."""


@dataclasses.dataclass(frozen=True)
class Position:
    """The latest checkpoint of a stage."""

    step: int
    validated: bool
    """True if that checkpoint has validation scores."""


def open_manager(
    directory: Path, rules: Sequence[str], read_only: bool = False
) -> ocp.CheckpointManager:
    """Open the checkpoints of a stage.

    Only the program that trains may open them for writing, because doing so removes
    the unfinished and the old checkpoints that a killed program leaves.

    Raises:
        UserError: a checkpoint is damaged, or the folder cannot be read.
    """
    if read_only:
        return _open(directory, ocp.CheckpointManagerOptions(read_only=True))
    clear(directory)
    policies: list[Any] = [checkpoint_managers.LatestN(2)]
    for rule in rules:
        best = checkpoint_managers.BestN(
            n=1,
            get_metric_fn=lambda scores, rule=rule: scores.get(rule, -math.inf),
            keep_checkpoints_without_metrics=False,
        )
        policies.append(best)
    options = ocp.CheckpointManagerOptions(
        preservation_policy=checkpoint_managers.AnyPreservationPolicy(policies),
        # Orbax requires a ranking of its own besides the policies.
        best_fn=lambda scores: scores[rules[0]],
        cleanup_tmp_directories=True,
        todelete_subdir=old_checkpoints.SUPERSEDED,
    )
    return _open(directory, options)


def _open(
    directory: Path, options: ocp.CheckpointManagerOptions
) -> ocp.CheckpointManager:
    with damage_explained(directory):  # Orbax reads the scores of all steps
        return ocp.CheckpointManager(directory.absolute(), options=options)


def clear(directory: Path) -> None:
    """Remove the old checkpoints that a killed program left in a stage's folder.

    Only the program that trains may do so. All its processes have to call this.

    Raises:
        UserError: the folder cannot be changed.
    """
    processes.meet("checkpoints read")
    if processes.first():
        old_checkpoints.clear(directory)
    processes.meet("old checkpoints cleared")


def position(directory: Path) -> Position | None:
    """The latest checkpoint of a stage; None if it has none."""
    found = map(_latest, old_checkpoints.folders(directory))
    return max(filter(None, found), key=lambda latest: latest.step, default=None)


def _latest(folder: Path) -> Position | None:
    with open_manager(folder, (), read_only=True) as manager:
        step = manager.latest_step()
        return None if step is None else Position(step, bool(_scores(manager, step)))


def save(
    manager: ocp.CheckpointManager,
    state: TrainState,
    scores: Scores | None,
    notes: Mapping[str, Any],
) -> None:
    """Write the state in the background.

    Args:
        manager: The stage's manager.
        state: The state after its step.
        scores: Validation scores, if the step was validated.
        notes: Everything else that resuming needs, as JSON: see `read_notes`.

    Raises:
        UserError: this checkpoint, or the one before it, could not be written.
    """
    if scores is not None:
        # A score that does not exist (no labels to validate on) ranks last.
        scores = {k: -math.inf if math.isnan(v) else v for k, v in scores.items()}
    trees, text = checkpoint_items(state), {"notes": dict(notes), "scores": scores}
    stored: dict[str, Any] = {}
    if processes.first():  # the others write no JSON
        stored |= {name: digests.of_arrays(tree) for name, tree in trees.items()}
        stored |= {name: digests.of_json(value) for name, value in text.items()}
        stored["digests"] = digests.of_json(stored)
    items = ocp.args.Composite(
        notes=ocp.args.JsonSave(text["notes"]),
        digests=ocp.args.JsonSave(stored),
        **{name: ocp.args.StandardSave(tree) for name, tree in trees.items()},
    )
    step, folder = int(jax.device_get(state.step)), Path(manager.directory)
    wait(manager)  # as Orbax itself would, but the old ones are deleted, too
    with disk_errors_explained(manager):
        if step in manager.all_steps():  # saved on a signal, before its validation
            if processes.first():
                old_checkpoints.set_aside(folder, step)
            processes.meet("set aside")
            manager.reload()
        manager.save(step, args=items, metrics=scores)


def wait(manager: ocp.CheckpointManager) -> None:
    """Wait until the last checkpoint is written, and delete those that it supersedes.

    Raises:
        UserError: it cannot be written.
    """
    with disk_errors_explained(manager):
        manager.wait_until_finished()
    if processes.first():
        old_checkpoints.clear(Path(manager.directory))


def read_notes(directory: Path, step: int) -> dict[str, Any]:
    """The notes that `save` stored; empty if the checkpoint has none.

    Raises:
        UserError: they are damaged.
    """
    folders = old_checkpoints.folders(directory)
    folder = next((x for x in folders if (x / str(step)).is_dir()), directory)
    with open_manager(folder, (), read_only=True) as manager:
        notes = read_json(manager, step, "notes")
        if not (
            isinstance(notes.get("config", {}), dict)
            and isinstance(data := notes.get("data", {}), dict)
            and all(isinstance(split, dict) for split in data.values())
            and isinstance(notes.get("window", []), list)
            and isinstance(notes.get("skipped", 0), int)
        ):
            raise damaged(Path(manager.directory) / str(step), "its notes")
        return notes


def restore(
    manager: ocp.CheckpointManager,
    step: int,
    shapes: Mapping[str, Any],
    sharding: jax.sharding.Sharding,
) -> TrainState:
    """Restore the state after `step` steps.

    Raises:
        OtherNetworks: the stored arrays do not have these shapes.
        UserError: the checkpoint is damaged.
    """
    restored = _restore(manager, step, shapes, sharding)
    return TrainState(step=jax.device_put(jax.numpy.int32(step), sharding), **restored)


def restore_networks(
    manager: ocp.CheckpointManager, step: int, like: Variables
) -> Variables:
    """Restore the networks alone, with the shapes and placement of `like`.

    Raises: as `restore`.
    """
    return Variables(**_restore(manager, step, like._asdict()))


def _restore(
    manager: ocp.CheckpointManager,
    step: int,
    shapes: Mapping[str, Any],
    sharding: jax.sharding.Sharding | None = None,
) -> dict[str, Any]:
    """Restore some items of a checkpoint and compare them with their digests."""
    folder = Path(manager.directory) / str(step)
    stored = read_digests(manager, step)
    for name, tree in shapes.items() if stored else ():
        if not isinstance(stored.get(name), dict):
            raise damaged(folder, "its digests")
        if other := digests.other_kinds(stored[name], tree):
            raise OtherNetworks(f"{folder} holds other networks: {name}/{other[0]}")
    wanted = {
        name: ocp.args.StandardRestore(
            jax.tree.map(
                lambda x: jax.ShapeDtypeStruct(
                    x.shape, x.dtype, sharding=sharding or x.sharding
                ),
                tree,
            )
        )
        for name, tree in shapes.items()
    }
    with damage_explained(folder):
        try:
            restored: Any = manager.restore(step, args=ocp.args.Composite(**wanted))
        except ValueError as error:
            if stored:
                raise
            raise OtherNetworks(f"{folder} holds other networks") from error
    for name in shapes if stored else ():
        if changed := digests.changed(stored[name], restored[name]):
            raise damaged(folder, f"{name}/{changed[0]} changed on the disk")
    return {name: restored[name] for name in shapes}


def is_validated(manager: ocp.CheckpointManager) -> bool:
    """True if at least one checkpoint has validation scores."""
    return any(_scores(manager, step) for step in manager.all_steps())


def best_step(manager: ocp.CheckpointManager, rule: str) -> tuple[int, float]:
    """The checkpoint with the highest validation score by a rule, and that score.

    Of equal scores the latest wins.

    Raises:
        ValueError: no checkpoint was validated.
        UserError: no checkpoint has such a score.
    """
    by_step = {step: _scores(manager, step) for step in manager.all_steps()}
    scores = {s: v[rule] for s, v in by_step.items() if v and rule in v}
    if any(by_step.values()) and not scores:
        raise UserError(f"{manager.directory} is of an older au_jax: no {rule} scores")
    step = max(scores, key=lambda step: (scores[step], step))
    return step, scores[step]


def _scores(manager: ocp.CheckpointManager, step: int) -> Scores | None:
    """The validation scores of a checkpoint; None if it was not validated.

    Raises:
        UserError: they are damaged.
    """
    scores: Any = manager.metrics(step) or None
    compare_json(manager, step, "scores", scores)
    if scores is not None and not (
        isinstance(scores, dict)
        # Older versions had no label-free score.
        and scores.keys() in (set(RULES), set(DOMAINS))
        and all(type(score) in (int, float) for score in scores.values())
    ):
        raise damaged(Path(manager.directory) / str(step), "its scores")
    return scores
