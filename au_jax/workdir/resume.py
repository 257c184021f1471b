"""Resume a run: how far it is, and whether config and data are still the same."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from au_jax.data.split import FaceSplit
from au_jax.errors import UserError
from au_jax.runtime import config_files
from au_jax.runtime.command_line import flatten
from au_jax.stages import PACED, STAGES
from au_jax.types import Config
from au_jax.workdir import checkpoints, data_record
from au_jax.workdir.checkpoints import Position
from au_jax.workdir.config import as_json, upgraded

FREE = (
    "log_every",
    "checkpoint_every",
    "on_nonfinite",
    "wandb",
    "data.data_dir",
    "data.num_workers",
    "eval.batch_size",
    "eval.at_end",
)
"""Keys that may change between two starts of a run: no checkpoint depends on them."""


def positions(workdir: Path) -> dict[str, Position]:
    """The latest checkpoint of each stage that has one."""
    latest = {stage: checkpoints.position(workdir / stage) for stage in STAGES}
    return {stage: position for stage, position in latest.items() if position}


def check_same_config(workdir: Path, config: Config) -> None:
    """Check that the checkpoints of a run were made with this config.

    Raises:
        UserError: a key differs that results depend on.
    """
    for stage, notes in _latest_notes(workdir, config):
        if differences := config_differences(notes.get("config", {}), config, stage):
            raise UserError(
                f"{workdir / stage} was trained with another config:"
                f" {', '.join(differences)}; give the old values, or another --workdir"
            )


def check_same_data(workdir: Path, config: Config, splits: Sequence[FaceSplit]) -> None:
    """Check that the checkpoints of a run were made with these data.

    Those of older versions do not say so, and are not compared.

    Args:
        workdir: The folder of the run.
        config: The config of this start.
        splits: All splits of this start, for training and validation.

    Raises:
        UserError: a data set differs in what results depend on.
    """
    for stage, notes in _latest_notes(workdir, config):
        if differences := data_record.differences(notes.get("data", {}), splits):
            raise UserError(
                f"{workdir / stage} was trained on other data:"
                f" {', '.join(differences)}; give the folder of the old data"
                " (--config.data.data_dir), or another --workdir"
            )


def _latest_notes(
    workdir: Path, config: Config
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the stages that have a checkpoint, and the notes of the latest one."""
    latest = positions(workdir)
    for stage in config.stages:
        if stage in latest:
            yield stage, checkpoints.read_notes(workdir / stage, latest[stage].step)


def config_differences(stored: dict[str, Any], config: Config, stage: str) -> list[str]:
    """The differences to the config of a checkpoint, each as "KEY was A, now B".

    Keys of later stages may change. The number of epochs of this stage may change
    where its learning rate and its terms do not depend on their number: fewer epochs
    are then a prefix of more.

    Args:
        stored: The config in the checkpoint, as `as_json` made it.
        config: The config of this start.
        stage: The stage of the checkpoint.
    """
    if not stored:
        return []
    begun = _up_to(config.stages, stage)
    # Keys that an older version lacks had today's default, unless `upgraded` sets
    # another value.
    default = as_json(config_files.load("joint"))
    old, new, default = (
        flatten(ConfigDict(x)) for x in (upgraded(stored), as_json(config), default)
    )
    old = default | old
    old["stages"], new["stages"] = _up_to(old["stages"], stage), begun
    free = [*FREE, *(f"{other}.*" for other in STAGES if other not in begun)]
    if len(config[stage].decay) == 1 and stage not in PACED:
        free.append(f"{stage}.epochs")
    return [
        f"config.{key} was {_as_typed(old[key])}, now {_as_typed(value)}"
        for key, value in new.items()
        if not isinstance(value, ConfigDict)
        and not any(fnmatchcase(key, pattern) for pattern in free)
        and key in old
        and _as_typed(old[key]) != _as_typed(value)
    ]


def _up_to(stages: Sequence[str], last: str) -> list[str]:
    """The stages of a run up to and including `last`."""
    return list(stages)[: list(stages).index(last) + 1]


def _as_typed(value: Any) -> str:
    """A value roughly as one types it on the command line."""
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(value)
