"""Checkpoints of one stage, by orbax; the only module that speaks to it.

A checkpoint's number is the number of steps done, which is also the position in the
data. Kept are the latest two, and the best by validation for each domain.
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
from au_jax.types import Params

Scores = dict[str, float]
"""Validation scores by domain; higher is better."""


@dataclasses.dataclass(frozen=True)
class Position:
    """How far the checkpoints of a stage go."""

    step: int
    validated: bool
    """Whether that checkpoint has validation scores."""


def open_manager(
    directory: Path, domains: Sequence[str], read_only: bool = False
) -> ocp.CheckpointManager:
    """The checkpoints of a stage: the latest two, and the best one per domain.

    Only the one program that trains may open them for writing: it also clears away
    what a killed program left half-written.
    """
    if read_only:
        return ocp.CheckpointManager(
            directory.absolute(), options=ocp.CheckpointManagerOptions(read_only=True)
        )
    kept: list[Any] = [checkpoint_managers.LatestN(2)]
    for domain in domains:
        best = checkpoint_managers.BestN(
            n=1,
            get_metric_fn=lambda scores, domain=domain: scores[domain],
            keep_checkpoints_without_metrics=False,
        )
        kept.append(best)
    options = ocp.CheckpointManagerOptions(
        preservation_policy=checkpoint_managers.AnyPreservationPolicy(kept),
        # Orbax asks for a ranking of its own besides the policies.
        best_fn=lambda scores: scores[domains[0]],
        cleanup_tmp_directories=True,
    )
    return ocp.CheckpointManager(directory.absolute(), options=options)


def position(directory: Path) -> Position | None:
    """The latest checkpoint of a stage; None where there is none."""
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
    """Writes the state in the background.

    Args:
        manager: Of the stage.
        state: After its step.
        scores: Of validation, where there was one.
        notes: What else a run needs to go on, as JSON: see `read_notes`.

    Raises:
        UserError: this checkpoint or the one before could not be written.
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
    step = int(state.step)
    with _explained(manager):
        if step in manager.all_steps():  # saved on a signal, before its validation
            _delete(manager, step)
        manager.save(step, args=items, metrics=scores)


def _delete(manager: ocp.CheckpointManager, step: int) -> None:
    """At once or not at all: orbax, killed meanwhile, leaves the latest in pieces."""
    folder = Path(manager.directory) / str(step)
    # A name that orbax takes for a save that was not finished, and clears away.
    gone = folder.with_name(f"{step}.orbax-checkpoint-tmp")
    if processes.first():
        folder.rename(gone)
        shutil.rmtree(gone)
    processes.meet("deleted")
    manager.reload()


def wait(manager: ocp.CheckpointManager) -> None:
    """Until the last checkpoint is written; raises a `UserError` if it cannot be."""
    with _explained(manager):
        manager.wait_until_finished()


def read_notes(directory: Path, step: int) -> dict[str, Any]:
    """What `save` was given; empty for a checkpoint without."""
    with open_manager(directory, (), read_only=True) as manager:
        if not (directory / str(step) / "notes").is_dir():
            return {}
        args = ocp.args.Composite(notes=ocp.args.JsonRestore())
        found: Any = manager.restore(step, args=args)
        return found.notes


@contextlib.contextmanager
def _explained(manager: ocp.CheckpointManager) -> Iterator[None]:
    """Turns what a full or vanished disk makes orbax raise into one line."""
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:
        text = " ".join(str(error).split())
        known = ("No space left", "File too large", "Disk quota", "Permission denied")
        reason = next((x for x in (*known, "No such file") if x in text), text[:200])
        step = manager.latest_step()
        after = f"step {step}" if step else "the start"
        raise UserError(
            f"cannot write a checkpoint to {manager.directory}: {reason}; the"
            f" checkpoints before are intact, and the same command goes on from {after}"
        ) from error


def restore(
    manager: ocp.CheckpointManager,
    step: int,
    shapes: Mapping[str, Any],
    sharding: jax.sharding.Sharding,
) -> TrainState:
    """The state after `step` steps; a `ValueError` if its parts are not `shapes`."""
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
    manager: ocp.CheckpointManager, step: int, params: Params, batch_stats: Params
) -> tuple[Params, Params]:
    """Parameters and running statistics alone, placed as those given are."""
    restored: Any = manager.restore(
        step,
        args=ocp.args.Composite(
            params=ocp.args.StandardRestore(_abstract(params)),
            batch_stats=ocp.args.StandardRestore(_abstract(batch_stats)),
        ),
    )
    return restored.params, restored.batch_stats


def best_step(manager: ocp.CheckpointManager, domain: str) -> tuple[int, float]:
    """The checkpoint with the highest validation score for `domain`, and that score.

    Raises:
        ValueError: no checkpoint was validated.
    """
    found: dict[int, Any] = {s: manager.metrics(s) for s in manager.all_steps()}
    scores = {step: values for step, values in found.items() if values}
    step = max(scores, key=lambda step: (scores[step][domain], step))
    return step, scores[step][domain]


def _abstract(tree: Params) -> Params:
    return jax.tree.map(ocp.utils.to_shape_dtype_struct, tree)
