"""Checkpoints of one stage; the only module that calls Orbax.

A checkpoint is named after the number of steps done, which is also the position in the
data. The folder keeps the latest two, and the best one by each rule of `RULES`.

Orbax does not notice a bit that changed on the disk. So each checkpoint stores the
digests of all that it holds, and everything that is read back is compared with them.
Checkpoints of older versions have no digests and are read as they are.
"""

import dataclasses
import math
import shutil
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
from au_jax.workdir import digests
from au_jax.workdir.checkpoint_errors import (
    OtherNetworks,
    damage_explained,
    damaged,
    disk_errors_explained,
)

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
    the unfinished checkpoint that a killed program leaves.

    Raises:
        UserError: a checkpoint is damaged, or the folder cannot be read.
    """
    if read_only:
        return _open(directory, ocp.CheckpointManagerOptions(read_only=True))
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
    )
    return _open(directory, options)


def _open(
    directory: Path, options: ocp.CheckpointManagerOptions
) -> ocp.CheckpointManager:
    with damage_explained(directory):  # Orbax reads the scores of all steps
        return ocp.CheckpointManager(directory.absolute(), options=options)


def position(directory: Path) -> Position | None:
    """The latest checkpoint of a stage; None if it has none."""
    if not directory.is_dir():
        return None
    with open_manager(directory, (), read_only=True) as manager:
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
    step = int(jax.device_get(state.step))
    with disk_errors_explained(manager):
        if step in manager.all_steps():  # saved on a signal, before its validation
            _delete(manager, step)
        manager.save(step, args=items, metrics=scores)


def _delete(manager: ocp.CheckpointManager, step: int) -> None:
    """Delete a checkpoint atomically.

    Orbax deletes file by file: killed meanwhile, it leaves half of the latest one.
    """
    folder = Path(manager.directory) / str(step)
    # Orbax takes this for an unfinished save and removes it at the next start.
    doomed = folder.with_name(f"{step}.orbax-checkpoint-tmp")
    if processes.first():
        folder.rename(doomed)
        shutil.rmtree(doomed)
    processes.meet("deleted")
    manager.reload()


def wait(manager: ocp.CheckpointManager) -> None:
    """Wait until the last checkpoint is written; raise a UserError if it cannot be."""
    with disk_errors_explained(manager):
        manager.wait_until_finished()


def read_notes(directory: Path, step: int) -> dict[str, Any]:
    """The notes that `save` stored; empty if the checkpoint has none.

    Raises:
        UserError: they are damaged.
    """
    with open_manager(directory, (), read_only=True) as manager:
        notes = _read_json(manager, step, "notes")
        _compare_json(manager, step, "notes", notes)
        if not (
            isinstance(notes.get("config", {}), dict)
            and isinstance(notes.get("window", []), list)
            and isinstance(notes.get("skipped", 0), int)
        ):
            raise damaged(Path(manager.directory) / str(step), "its notes")
        return notes


def _read_json(manager: ocp.CheckpointManager, step: int, name: str) -> dict[str, Any]:
    """A JSON item of a checkpoint; empty if it has none."""
    folder = Path(manager.directory) / str(step)
    if not (folder / name).is_dir():
        return {}
    with damage_explained(folder):
        args = ocp.args.Composite(**{name: ocp.args.JsonRestore()})
        value = dict(manager.restore(step, args=args))[name]
    if isinstance(value, dict):
        return value
    raise damaged(folder, f"its {name}")


def _read_digests(manager: ocp.CheckpointManager, step: int) -> dict[str, Any]:
    """The digests of a checkpoint, which have a digest of their own."""
    stored = _read_json(manager, step, "digests")
    if stored and stored.pop("digests", None) != digests.of_json(stored):
        raise damaged(Path(manager.directory) / str(step), "its digests")
    return stored


def _compare_json(
    manager: ocp.CheckpointManager, step: int, name: str, value: Any
) -> None:
    stored = _read_digests(manager, step)
    if stored and stored.get(name) != digests.of_json(value):
        raise damaged(Path(manager.directory) / str(step), f"its {name}")


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
    stored = _read_digests(manager, step)
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
    _compare_json(manager, step, "scores", scores)
    if scores is not None and not (
        isinstance(scores, dict)
        # Older versions had no label-free score.
        and scores.keys() in (set(RULES), set(DOMAINS))
        and all(type(score) in (int, float) for score in scores.values())
    ):
        raise damaged(Path(manager.directory) / str(step), "its scores")
    return scores
