"""Checkpoints of one stage, by orbax; the only module that speaks to it.

A checkpoint's number is the number of steps done, which is also the position in the
data. Kept are the latest two, and the best by validation for each domain.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers

from au_jax.train_state import TrainState
from au_jax.types import Params

Scores = dict[str, float]
"""Validation scores by domain; higher is better."""


def open_manager(directory: Path, domains: Sequence[str]) -> ocp.CheckpointManager:
    """The checkpoints of a stage: the latest two, and the best one per domain."""
    kept: list[Any] = [checkpoint_managers.LatestN(2)]
    for domain in domains:
        best = checkpoint_managers.BestN(
            n=1, get_metric_fn=lambda scores, domain=domain: scores[domain]
        )
        kept.append(best)
    options = ocp.CheckpointManagerOptions(
        preservation_policy=checkpoint_managers.AnyPreservationPolicy(kept),
        # Orbax asks for a ranking of its own besides the policies.
        best_fn=lambda scores: scores[domains[0]],
    )
    return ocp.CheckpointManager(directory.absolute(), options=options)


def save(manager: ocp.CheckpointManager, state: TrainState, scores: Scores) -> None:
    """Writes the state in the background, with its validation scores."""
    items = ocp.args.Composite(
        params=ocp.args.StandardSave(state.params),
        batch_stats=ocp.args.StandardSave(state.batch_stats),
        opt_state=ocp.args.StandardSave(state.opt_state),
    )
    # A score that does not exist (no labels to validate on) ranks last.
    ranked = {k: -math.inf if math.isnan(v) else v for k, v in scores.items()}
    manager.save(int(state.step), args=items, metrics=ranked)


def restore(manager: ocp.CheckpointManager, step: int, state: TrainState) -> TrainState:
    """The state after `step` steps, placed as `state` is."""
    restored: Any = manager.restore(
        step,
        args=ocp.args.Composite(
            params=ocp.args.StandardRestore(_abstract(state.params)),
            batch_stats=ocp.args.StandardRestore(_abstract(state.batch_stats)),
            opt_state=ocp.args.StandardRestore(_abstract(state.opt_state)),
        ),
    )
    return state.replace(
        step=jax.device_put(jax.numpy.int32(step), state.step.sharding),
        params=restored.params,
        batch_stats=restored.batch_stats,
        opt_state=restored.opt_state,
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
        ValueError: there is no checkpoint.
    """
    scores: dict[int, Any] = {
        step: manager.metrics(step) for step in manager.all_steps()
    }
    step = max(scores, key=lambda step: (scores[step][domain], step))
    return step, scores[step][domain]


def _abstract(tree: Params) -> Params:
    return jax.tree.map(ocp.utils.to_shape_dtype_struct, tree)
