"""Checkpoints of one stage; the only module that talks to Orbax.

A checkpoint is named after the number of steps done, which is also the position in the
data. The folder keeps the latest two, and the best one by validation of each domain.
"""

import contextlib
import dataclasses
import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers

from au_jax.errors import UserError
from au_jax.runtime import processes
from au_jax.stages.state import TrainState, checkpoint_items
from au_jax.types import Variables

Scores = dict[str, float]
"""Validation scores by domain; higher is better."""


@dataclasses.dataclass(frozen=True)
class Position:
    """The latest checkpoint of a stage."""

    step: int
    validated: bool
    """True if that checkpoint has validation scores."""


def open_manager(
    directory: Path, domains: Sequence[str], read_only: bool = False
) -> ocp.CheckpointManager:
    """Open the checkpoints of a stage.

    Only the program that trains may open them for writing, because doing so removes
    the unfinished checkpoint that a killed program leaves.
    """
    if read_only:
        return ocp.CheckpointManager(
            directory.absolute(), options=ocp.CheckpointManagerOptions(read_only=True)
        )
    policies: list[Any] = [checkpoint_managers.LatestN(2)]
    for domain in domains:
        best = checkpoint_managers.BestN(
            n=1,
            get_metric_fn=lambda scores, domain=domain: scores[domain],
            keep_checkpoints_without_metrics=False,
        )
        policies.append(best)
    options = ocp.CheckpointManagerOptions(
        preservation_policy=checkpoint_managers.AnyPreservationPolicy(policies),
        # Orbax requires a ranking of its own besides the policies.
        best_fn=lambda scores: scores[domains[0]],
        cleanup_tmp_directories=True,
    )
    return ocp.CheckpointManager(directory.absolute(), options=options)


def position(directory: Path) -> Position | None:
    """The latest checkpoint of a stage; None if it has none."""
    if not directory.is_dir():
        return None
    with open_manager(directory, (), read_only=True) as manager:
        step = manager.latest_step()
        return None if step is None else Position(step, bool(manager.metrics(step)))


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
    items = ocp.args.Composite(
        notes=ocp.args.JsonSave(dict(notes)),
        **{
            name: ocp.args.StandardSave(tree)
            for name, tree in checkpoint_items(state).items()
        },
    )
    if scores is not None:
        # A score that does not exist (no labels to validate on) ranks last.
        scores = {k: -math.inf if math.isnan(v) else v for k, v in scores.items()}
    step = int(jax.device_get(state.step))
    with _disk_errors_explained(manager):
        if step in manager.all_steps():  # saved on a signal, before its validation
            _delete(manager, step)
        manager.save(step, args=items, metrics=scores)


def _delete(manager: ocp.CheckpointManager, step: int) -> None:
    """Delete a checkpoint atomically.

    Orbax deletes file by file: killed meanwhile, it leaves half of the latest one.
    """
    folder = Path(manager.directory) / str(step)
    # Orbax takes this name for an unfinished save and removes it at the next start.
    doomed = folder.with_name(f"{step}.orbax-checkpoint-tmp")
    if processes.first():
        folder.rename(doomed)
        shutil.rmtree(doomed)
    processes.meet("deleted")
    manager.reload()


def wait(manager: ocp.CheckpointManager) -> None:
    """Wait until the last checkpoint is written.

    Raises:
        UserError: it could not be written.
    """
    with _disk_errors_explained(manager):
        manager.wait_until_finished()


def read_notes(directory: Path, step: int) -> dict[str, Any]:
    """The notes that `save` stored; empty if the checkpoint has none."""
    with open_manager(directory, (), read_only=True) as manager:
        if not (directory / str(step) / "notes").is_dir():
            return {}
        args = ocp.args.Composite(notes=ocp.args.JsonRestore())
        restored: Any = manager.restore(step, args=args)
        return restored.notes


@contextlib.contextmanager
def _disk_errors_explained(manager: ocp.CheckpointManager) -> Iterator[None]:
    """Turn the errors that Orbax raises on a full or vanished disk into one line."""
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:
        text = " ".join(str(error).split())
        known = ("No space left", "File too large", "Disk quota", "Permission denied")
        reason = next((x for x in (*known, "No such file") if x in text), text[:200])
        step = manager.latest_step()
        after = f"step {step}" if step else "the start"
        raise UserError(
            f"cannot write a checkpoint to {manager.directory}: {reason}; earlier ones"
            f" are intact: run the same command again to resume from {after}"
        ) from error


def restore(
    manager: ocp.CheckpointManager,
    step: int,
    shapes: Mapping[str, Any],
    sharding: jax.sharding.Sharding,
) -> TrainState:
    """Restore the state after `step` steps.

    Raises:
        ValueError: the stored arrays do not have these shapes.
    """
    wanted = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding),
        dict(shapes),
    )
    items = {name: ocp.args.StandardRestore(tree) for name, tree in wanted.items()}
    restored: Any = manager.restore(step, args=ocp.args.Composite(**items))
    return TrainState(
        step=jax.device_put(jax.numpy.int32(step), sharding),
        **{name: restored[name] for name in items},
    )


def restore_networks(
    manager: ocp.CheckpointManager, step: int, like: Variables
) -> Variables:
    """Restore the networks alone, with the shapes and placement of `like`."""
    restored: Any = manager.restore(
        step,
        args=ocp.args.Composite(
            params=ocp.args.StandardRestore(_abstract(like.params)),
            batch_stats=ocp.args.StandardRestore(_abstract(like.batch_stats)),
        ),
    )
    return Variables(restored.params, restored.batch_stats)


def is_validated(manager: ocp.CheckpointManager) -> bool:
    """True if at least one checkpoint has validation scores."""
    return any(manager.metrics(step) for step in manager.all_steps())


def best_step(manager: ocp.CheckpointManager, domain: str) -> tuple[int, float]:
    """The checkpoint with the highest validation score on `domain`, and that score.

    Of equal scores the latest wins.

    Raises:
        ValueError: no checkpoint was validated.
    """
    metrics: dict[int, Any] = {s: manager.metrics(s) for s in manager.all_steps()}
    scores = {step: values for step, values in metrics.items() if values}
    step = max(scores, key=lambda step: (scores[step][domain], step))
    return step, scores[step][domain]


def _abstract(tree: Any) -> Any:
    return jax.tree.map(ocp.utils.to_shape_dtype_struct, tree)
