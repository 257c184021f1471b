"""A run: its data, and its stages one after the other."""

import dataclasses
import logging
from contextlib import nullcontext
from pathlib import Path

from au_jax.data import split
from au_jax.data.split import FaceSplit
from au_jax.errors import UserError
from au_jax.runtime import devices, processes
from au_jax.runtime.signals import Requests
from au_jax.training import validation
from au_jax.training import wandb as wandb_run
from au_jax.training.loop import run_stage
from au_jax.types import Config
from au_jax.workdir import metrics_log, networks, resume, start_log

LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Splits:
    """Training and validation data, by domain."""

    train: dict[str, FaceSplit]
    val: dict[str, FaceSplit]


def open_splits(config: Config) -> Splits:
    """Opens what the config names; raises a `UserError` where it is absent."""
    data = config.data
    train, val = (
        {
            domain: split.open_split(
                data.data_dir, data[domain], splits[i], tuple(data.aus)
            )
            for domain, splits in (
                ("source", data.source_splits),
                ("target", data.target_splits),
            )
        }
        for i in range(2)
    )
    coded = train["source"].coded_aus
    for au in data.aus:
        if au not in coded:
            raise UserError(
                f"config.data.aus asks for AU {au}, which the source {data.source!r}"
                f" does not code; it codes {', '.join(map(str, coded))}"
            )
    return Splits(train, val)


def train(config: Config, workdir: Path, requests: Requests | None = None) -> None:
    """Runs the config's stages in order, each from where it was if it was begun.

    Raises:
        UserError: data, config and workdir do not go together.
        Stopped: `requests` asked for it; the last step has a checkpoint.
    """
    requests = requests or Requests()
    requests.shared = not processes.alone()
    wandb = wandb_run.load() if config.wandb and processes.first() else None
    splits = open_splits(config)
    for name in config.stages:
        devices.check_batch_size(
            f"{name}.batch_size", config[name].batch_size, config.accumulation
        )
    devices.check_batch_size("eval.batch_size", config.eval.batch_size)
    begun = resume.positions(workdir)
    if config.init_from and not all(stage in begun for stage in config.stages):
        networks.origin(config.init_from)  # a wrong folder is said before all work
    with resume.locked(workdir) if processes.first() else nullcontext():
        resume.check_same(workdir, config)
        begun = resume.positions(workdir)  # again: only now it is ours
        if processes.first():
            metrics_log.cut_back(workdir, begun)
            validation.write_best(workdir)
            networks.write_config(workdir, config)
            start_log.record(workdir)
        processes.meet("workdir")
        with (
            wandb_run.opened(config, workdir, wandb) if wandb else nullcontext() as run
        ):
            for name in config.stages:
                requests.check()
                run_stage(
                    name, config, splits.train, splits.val, workdir, requests, run
                )
