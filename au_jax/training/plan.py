"""The plan of a stage: a function of the config and the work directory."""

import dataclasses
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import grain
import jax

from au_jax.data import pipeline
from au_jax.data.split import FaceSplit
from au_jax.errors import UserError
from au_jax.stages import CLIPS, STAGES
from au_jax.types import Batch, Config
from au_jax.workdir import checkpoints
from au_jax.workdir.checkpoints import Position


@dataclasses.dataclass(frozen=True)
class StagePlan:
    """One stage, before anything of it is loaded or compiled."""

    name: str
    config: Config
    folder: Path
    """The folder of its checkpoints, WORKDIR/NAME."""
    streams: tuple[FaceSplit, ...]
    """The training splits that it reads side by side, one per domain of a batch, or the
    same for each frame of a clip."""
    epoch: int
    """Steps per epoch."""
    position: Position | None
    """The latest checkpoint; None before the first."""

    @property
    def num_steps(self) -> int:
        """Steps of the whole stage."""
        return self.config[self.name].epochs * self.epoch

    @property
    def done(self) -> int:
        """Steps done when the latest checkpoint was written."""
        return self.position.step if self.position else 0

    @property
    def finished(self) -> bool:
        """True if nothing is left to do, the last validation included."""
        return self.done >= self.num_steps and not self.validation_is_due

    @property
    def validation_is_due(self) -> bool:
        """True if the run stopped between the end of an epoch and its validation."""
        if self.position is None or self.position.validated:
            return False
        return self.done % self.epoch == 0

    @property
    def images_per_step(self) -> int:
        """Images per step, over all domains and processes."""
        return len(self.streams) * self.config[self.name].batch_size


def make_plan(
    name: str, config: Config, splits: Mapping[str, FaceSplit], workdir: Path
) -> StagePlan:
    """Plan a stage.

    Args:
        name: The stage, as in `STAGES`.
        config: The config of the run.
        splits: The training splits by domain.
        workdir: The work directory of the run.

    Raises:
        UserError: the training split is smaller than a batch.
    """
    streams = tuple(splits[domain] for domain in STAGES[name].domains(config))
    return StagePlan(
        name=name,
        config=config,
        folder=workdir / name,
        streams=streams,
        epoch=steps_per_epoch(name, config, len(streams[0])),
        position=checkpoints.position(workdir / name),
    )


def make_dataset(
    name: str, config: Config, streams: Sequence[FaceSplit]
) -> grain.MapDataset:
    """All training batches of a stage, which reads these splits side by side."""
    options: dict[str, Any] = {
        "crop": config.data.crop,
        "batch_size": config[name].batch_size,
        "seed": config.seed,
        "process_index": jax.process_index(),
        "process_count": jax.process_count(),
    }
    if name in CLIPS:
        return pipeline.make_clips(streams[0], frames=len(streams), **options)
    degraded = config.data.degraded
    return pipeline.make_train(streams, degraded=degraded, **options)


def make_batches(plan: StagePlan) -> Generator[Batch, None, None]:
    """The remaining training batches: a function of the config and the step."""
    return pipeline.train_batches(
        make_dataset(plan.name, plan.config, plan.streams),
        start=plan.done,
        stop=plan.num_steps,
        num_workers=plan.config.data.num_workers,
    )


def image_paths(plan: StagePlan, step: int) -> list[str]:
    """The photographs in the batch of a step, where steps count from 1.

    Of clips, they are the photographs around which the clips were chosen.
    """
    by_domain = pipeline.batch_paths(
        plan.streams[:1] if plan.name in CLIPS else plan.streams,
        batch_size=plan.config[plan.name].batch_size,
        seed=plan.config.seed,
        step=step - 1,
    )
    return [path for paths in by_domain for path in paths]


def steps_per_epoch(name: str, config: Config, num_images: int) -> int:
    """Whole batches of the source, at most `max_steps_per_epoch` if that is set.

    Raises:
        UserError: there is no whole batch.
    """
    batch_size = config[name].batch_size
    steps = num_images // batch_size
    if config.max_steps_per_epoch:
        steps = min(steps, config.max_steps_per_epoch)
    if not steps:
        raise UserError(
            f"config.{name}.batch_size={batch_size}, but the training split has only"
            f" {num_images} images"
        )
    return steps
