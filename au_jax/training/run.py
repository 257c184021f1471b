"""A training run: its data, and its stages one after the other."""

import dataclasses
import logging
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from ml_collections import ConfigDict

from au_jax.data.split import FaceSplit, Records, open_split
from au_jax.errors import UserError
from au_jax.faces.detect import is_method
from au_jax.runtime import command_line, devices, processes
from au_jax.runtime.files import locked
from au_jax.runtime.signals import Requests
from au_jax.stages import STAGES
from au_jax.training import wandb
from au_jax.training.loop import run_stage
from au_jax.training.plan import make_plan, steps_per_epoch
from au_jax.types import Config
from au_jax.workdir import checkpoints, data_record, metrics_log, resume, start_log
from au_jax.workdir.config import write_config
from au_jax.workdir.initial_networks import find_origin

LOG = logging.getLogger(__name__)


OF_A_MACHINE = ("data.data_dir", "data.num_workers", "wandb")
"""Keys that may differ between the processes of a run."""


@dataclasses.dataclass(frozen=True)
class RunData:
    """The data of a run, by domain."""

    train: dict[str, FaceSplit]
    val: dict[str, FaceSplit]


def train(config: Config, workdir: Path, requests: Requests | None = None) -> None:
    """Train the stages of a config in order; those that are done are skipped.

    Args:
        config: The config, its values checked by `config_checks`.
        workdir: The work directory; if it holds this run already, the run resumes.
        requests: The signals received.

    Raises:
        UserError: data, config and work directory do not fit together.
        Stopped: a signal asked for it; the last step has a checkpoint.
    """
    requests = requests or Requests()
    requests.shared = not processes.alone()
    package = wandb.load() if config.wandb and processes.first() else None
    data = open_data(config)
    check_batch_sizes(config)
    splits = [*data.train.values(), *data.val.values()]
    check_processes(config, splits)
    latest = resume.positions(workdir)
    if config.init_from and not all(stage in latest for stage in config.stages):
        # Report a wrong folder before any work.
        find_origin(config.init_from, config.init_rule)
    lock = locked(workdir, f"training in {workdir}")
    with lock if processes.first() else nullcontext():
        resume.check_same_config(workdir, config)
        resume.check_same_data(workdir, config, splits)
        # Read again, because only now the folder is ours; and in every process, because
        # Orbax waits for all of them.
        latest = resume.positions(workdir)
        if processes.first():
            metrics_log.cut_back(workdir, latest)
            metrics_log.write_best(workdir)
            write_config(workdir, config)
            start_log.record(
                workdir, landmark_origins(data), datasets(data), licences(data)
            )
        processes.meet("workdir")
        opened = wandb.opened(config, workdir, package) if package else nullcontext()
        with opened as wandb_run:
            for name in config.stages:
                requests.check()
                plan = make_plan(name, config, data.train, workdir)
                if plan.finished:
                    checkpoints.clear(plan.folder)
                    LOG.info("%s: all %d steps are done", name, plan.num_steps)
                    continue
                run_stage(plan, data.val, workdir, requests, wandb_run)


def open_data(config: Config) -> RunData:
    """Open the data sets that the config names.

    Raises:
        UserError: a data set or split is absent, or the source lacks an AU.
    """
    data = config.data
    names = {
        "source": (data.source, data.source_splits),
        "target": (data.target, data.target_splits),
    }
    train, val = (
        {
            domain: open_split(data.data_dir, name, splits[i], tuple(data.aus))
            for domain, (name, splits) in names.items()
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
    if config.eval.at_end:  # a typo must not be found after days of training
        for name in (data.source, data.target):
            open_split(data.data_dir, name, config.eval.at_end, tuple(data.aus))
    for stage in config.stages:
        for domain in STAGES[stage].domains(config)[:1]:
            steps_per_epoch(stage, config, len(train[domain]))
    return RunData(train, val)


def landmark_origins(data: RunData) -> dict[str, str]:
    """Return by domain how its landmarks were found; warn if two methods differ."""
    by_domain = {domain: split.landmarks_by for domain, split in data.train.items()}
    methods = {by for found in by_domain.values() for by in found if is_method(by)}
    if len(methods) > 1:
        LOG.warning(
            "landmarks are by %s in the source and by %s in the target, and these"
            " place them differently; prepare all with the same --landmarks_by",
            " and ".join(by_domain["source"]),
            " and ".join(by_domain["target"]),
        )
    return {
        domain: next(filter(is_method, found), found[0])
        for domain, found in by_domain.items()
    }


def datasets(data: RunData) -> dict[str, str]:
    """Return by prepared set the raw set that was read, where it is known."""
    return {part.name: part.dataset for part in _parts(data) if part.dataset}


def licences(data: RunData) -> dict[str, str]:
    """Return by prepared set the licence of its pictures, where it is stated."""
    return {part.name: part.licence for part in _parts(data) if part.licence}


def _parts(data: RunData) -> list[Records]:
    return [part for split in data.train.values() for part in split.parts]


def check_processes(config: Config, splits: Sequence[FaceSplit]) -> None:
    """Check that all processes train the same model on the same data.

    Raises:
        UserError: they do not.
    """
    values = {
        key: str(value)
        for key, value in command_line.flatten(config).items()
        if key not in OF_A_MACHINE and not isinstance(value, ConfigDict)
    }
    described = data_record.describe(splits)
    processes.check_equal({"configs": sorted(values.items()), "data": described})


def check_batch_sizes(config: Config) -> None:
    """Check that every training batch can be spread over the devices.

    Evaluation rounds its batch size up to a multiple of the number of devices.

    Raises:
        UserError: a batch size is not divisible.
    """
    for name in config.stages:
        devices.check_batch_size(
            f"{name}.batch_size", config[name].batch_size, config.accumulation
        )
