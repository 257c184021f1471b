"""Going on with a run: where it is, whether it is the same run, and only once."""

import contextlib
import fcntl
import json
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from au_jax.errors import UserError
from au_jax.runtime.command_line import flatten
from au_jax.stages import STAGES
from au_jax.types import Config
from au_jax.workdir import checkpoints
from au_jax.workdir.checkpoints import Position

# What may change between two starts of a run: no parameter depends on it.
FREE = (
    "log_every",
    "checkpoint_every",
    "on_nonfinite",
    "wandb",
    "data.data_dir",
    "data.num_workers",
    "eval.*",
)


@contextlib.contextmanager
def locked(workdir: Path) -> Iterator[None]:
    """The workdir, for this program alone; a killed one holds nothing."""
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        lock = (workdir / ".lock").open("w")
    except OSError as error:
        raise UserError(
            f"cannot write to --workdir={workdir}: {error.strerror}"
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"another program is training in {workdir}") from None
        yield


def positions(workdir: Path) -> dict[str, Position]:
    """The latest checkpoint of each stage that has one."""
    found = {stage: checkpoints.position(workdir / stage) for stage in STAGES}
    return {stage: position for stage, position in found.items() if position}


def check_same(workdir: Path, config: Config) -> None:
    """Raises a `UserError` where a checkpoint was made with another config."""
    done = positions(workdir)
    for stage in config.stages:
        if stage in done:
            notes = checkpoints.read_notes(workdir / stage, done[stage].step)
            if differences := changed(notes.get("config", {}), config, stage):
                raise UserError(
                    f"{workdir / stage} was trained with another config:"
                    f" {', '.join(differences)}; give the old values, or another"
                    " --workdir"
                )


def changed(stored: dict[str, Any], config: Config, stage: str) -> list[str]:
    """What differs from the config of a checkpoint of `stage`, "KEY was A, now B".

    Stages that come later may change, and so may the number of epochs of this one
    where its learning rate is constant: then fewer epochs are the beginning of more.
    """
    if not stored:
        return []
    begun = up_to(config.stages, stage)
    old, new = (flatten(x) for x in (ConfigDict(stored), ConfigDict(as_json(config))))
    old["stages"], new["stages"] = up_to(old["stages"], stage), begun
    free = [*FREE, *(f"{other}.*" for other in STAGES if other not in begun)]
    if len(config[stage].decay) == 1:
        free.append(f"{stage}.epochs")
    return [
        f"config.{key} was {shown(old[key])}, now {shown(value)}"
        for key, value in new.items()
        if not isinstance(value, ConfigDict)
        and not any(fnmatchcase(key, pattern) for pattern in free)
        and key in old
        and shown(old[key]) != shown(value)
    ]


def up_to(stages: Sequence[str], last: str) -> list[str]:
    """The stages until `last`."""
    return list(stages)[: list(stages).index(last) + 1]


def as_json(config: Config) -> dict[str, Any]:
    """The config as plain values, tuples as lists."""
    return json.loads(config.to_json_best_effort())


def shown(value: Any) -> str:
    """A value as it is written on the command line, about."""
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(value)
