"""The best networks of a run: which stage, which checkpoint, and their parameters."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import jax

from au_jax.errors import UserError
from au_jax.stages import STAGES, WITHOUT_AUS
from au_jax.types import Config, Variables
from au_jax.workdir import checkpoints

FLOOR = "supervised"
"""The stage that learns from source labels alone: every method has to beat it."""


class BestNetworks(NamedTuple):
    """The networks of the checkpoint that scored best on validation."""

    variables: Variables
    step: int


def network_shapes(stage: str, config: Config) -> Variables:
    """The networks of a stage as shapes and dtypes; nothing is computed."""
    return jax.eval_shape(lambda: STAGES[stage].init(config, jax.random.key(0)))


def best_networks(stage: str, rule: str, config: Config, workdir: Path) -> BestNetworks:
    """Load the checkpoint of a stage that scored best by a rule of `RULES`.

    The arrays lie on the first local device.

    Raises:
        UserError: no checkpoint of the stage has been validated.
    """
    device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    shapes = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=device),
        network_shapes(stage, config),
    )
    with checkpoints.open_manager(workdir / stage, (), read_only=True) as manager:
        if not checkpoints.is_validated(manager):
            raise UserError(f"{workdir / stage} holds no validated checkpoint yet")
        step, _ = checkpoints.best_step(manager, rule)
        return BestNetworks(checkpoints.restore_networks(manager, step, shapes), step)


def best_scores(config: Config, workdir: Path, domain: str) -> dict[str, float]:
    """The best validation score of each stage, in the order of the run.

    Stages without a validated checkpoint are left out.
    """
    scores = {}
    for stage in config.stages:
        folder = workdir / stage
        if not folder.is_dir():
            continue
        with checkpoints.open_manager(folder, (), read_only=True) as manager:
            if checkpoints.is_validated(manager):
                _, scores[stage] = checkpoints.best_step(manager, domain)
    return scores


def best_stage(config: Config, workdir: Path, domain: str) -> str:
    """The stage whose best checkpoint stands for the run on `domain`.

    It is the last stage, with two exceptions: `finetune` counts only where it improved
    validation, and `supervised` only where no other stage trains AUs, because beside
    others it is the floor.

    Raises:
        UserError: the run has no validated checkpoint yet.
    """
    scores = best_scores(config, workdir, domain)
    if not scores:
        raise UserError(f"{workdir} holds no checkpoint yet: training has not begun")
    if has_floor(scores):
        scores.pop(FLOOR)
    *earlier, last = scores
    if last == "finetune" and earlier and scores[earlier[-1]] >= scores[last]:
        return earlier[-1]
    return last


def has_floor(scores: Mapping[str, float]) -> bool:
    """True if the run trained `supervised` beside stages to compare it with."""
    return FLOOR in scores and bool(scores.keys() - {FLOOR, *WITHOUT_AUS})
