"""The training loop: it knows stages, data and checkpoints, but no network."""

import contextlib
import dataclasses
import logging
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp

from au_jax import (
    checkpoint,
    console,
    devices,
    evaluation,
    losses,
    optim,
    resuming,
    train_state,
    validation,
)
from au_jax.data import pipeline, source
from au_jax.data.source import FaceSplit
from au_jax.errors import UserError
from au_jax.interrupts import Requests, Stopped
from au_jax.progress import StageProgress
from au_jax.run_state import initial_networks
from au_jax.stages import STAGES
from au_jax.term_log import TermLog
from au_jax.train_state import TrainState
from au_jax.types import DOMAINS, Batch, Config, Predict
from au_jax.writer import Writer

LOG = logging.getLogger(__name__)

Splits = Mapping[str, FaceSplit]
"""By domain."""


def run_stage(
    name: str,
    config: Config,
    train: Splits,
    val: Splits,
    workdir: Path,
    requests: Requests,
) -> None:
    """One stage to its end; validation and a checkpoint at the end of each epoch."""
    stage = STAGES[name]
    streams = [train[domain] for domain in stage.domains(config)]
    epoch = steps_per_epoch(name, config, len(streams[0]))
    num_steps = config[name].epochs * epoch
    position = checkpoint.position(workdir / name)
    done = position.step if position else 0
    if done >= num_steps and position and position.validated:
        LOG.info("%s: all %d steps are done already", name, num_steps)
        return
    params, batch_stats = initial_networks(name, config, workdir)
    requests.check()
    optimizers = optim.make_optimizers(config, name, params, num_steps)
    mesh = devices.make_mesh()
    state = train_state.create(params, batch_stats, optimizers)
    state = devices.place_state(mesh, state)
    notes: dict[str, Any] = {}
    shown = StageProgress(name, done, num_steps, len(streams) * config[name].batch_size)
    with (
        checkpoint.open_manager(workdir / name, DOMAINS) as manager,
        contextlib.closing(Writer(workdir, name)) as metrics,
        shown.shown(),
    ):
        if position:
            notes = checkpoint.read_notes(workdir / name, done)
            state = checkpoint.restore(manager, done, state)
            LOG.info("%s: %d of %d steps are done already", name, done, num_steps)
        log = TermLog(
            metrics,
            shown,
            optim.learning_rates(config, name, params, num_steps),
            every=config.log_every,
            num_steps=num_steps,
            on_nonfinite=config.on_nonfinite,
            paths=lambda step: image_names(name, config, streams, step),
            notes=notes,
        )
        stage_run = StageRun(
            name, config, workdir, requests, val, mesh, epoch, manager, metrics, log,
            evaluation.compile_predict(mesh, stage.make_predict(config)),
        )  # fmt: skip
        if position and not position.validated and done % epoch == 0:
            stage_run.after_step(done, state)  # it was stopped before its validation
        weight = losses.au_weights(*source.labels(streams[0]))
        step = stage.make_train_step(config, optimizers, weight)
        train_step = devices.compile_step(mesh, train_state.guarded(step))
        batches = make_batches(name, config, streams, done, num_steps)
        with contextlib.closing(batches):
            for number, batch in enumerate(batches, start=done + 1):
                state, terms = train_step(state, devices.place_batch(mesh, batch))
                log.add(number, terms)
                stage_run.after_step(number, state)
        checkpoint.wait(manager)
        shown.doing("done")


@dataclasses.dataclass(frozen=True)
class StageRun:
    """What comes between the steps of a stage: validation, checkpoints, the end."""

    name: str
    config: Config
    workdir: Path
    requests: Requests
    val: Splits
    mesh: jax.sharding.Mesh
    epoch: int
    manager: ocp.CheckpointManager
    metrics: Writer
    log: TermLog
    predict: Predict

    def after_step(self, step: int, state: TrainState) -> None:
        """Validates, saves and stops where it is time or was asked for.

        Whatever of the step goes to the logs is there before its checkpoint is: logs
        are cut back to the checkpoint, never filled up.
        """
        scores, end_of_epoch = None, step % self.epoch == 0
        asked = self.requests.save or self.requests.stop is not None
        if not (end_of_epoch or asked or step % self.config.checkpoint_every == 0):
            return
        self.log.drain()
        if end_of_epoch:
            with contextlib.suppress(Stopped):  # then the next start validates
                scores = self.validate(step, state)
        self.requests.save = False
        notes = {"config": resuming.as_json(self.config), **self.log.notes()}
        checkpoint.save(self.manager, state, scores, notes)
        if asked or self.requests.stop is not None:
            checkpoint.wait(self.manager)
            LOG.info("%s: wrote a checkpoint after step %d", self.name, step)
        self.requests.check()
        self.log.restart_clock()

    def validate(self, step: int, state: TrainState) -> checkpoint.Scores:
        """Scores on both domains, also written and shown."""
        self.log.progress.doing("validation")
        found = validation.validate(
            self.predict, state, self.val, self.config, self.mesh, self.requests.check
        )
        self.metrics.write(step, validation.values(found))
        validation.write_best(self.workdir)
        LOG.info("%s: validation after epoch %d", self.name, step // self.epoch)
        console.stderr().print(validation.table(found))
        return validation.scores(found)


def make_batches(
    name: str, config: Config, streams: list[FaceSplit], start: int, stop: int
) -> Generator[Batch, None, None]:
    """The training batches after `start` steps: a function of the config alone."""
    dataset = pipeline.make_train(
        streams,
        crop=config.data.crop,
        batch_size=config[name].batch_size,
        seed=config.seed,
        process_index=jax.process_index(),
        process_count=jax.process_count(),
    )
    return pipeline.train_batches(
        dataset, start=start, stop=stop, num_workers=config.data.num_workers
    )


def image_names(
    name: str, config: Config, streams: list[FaceSplit], step: int
) -> list[str]:
    """The photographs of the batch of step `step`, counted from 1."""
    batch_size = config[name].batch_size
    paths = pipeline.batch_paths(
        streams, batch_size=batch_size, seed=config.seed, step=step - 1
    )
    return [path for domain in paths for path in domain]


def steps_per_epoch(name: str, config: Config, images: int) -> int:
    """Whole batches of the source; at most `max_steps_per_epoch`, if that is set."""
    batch_size = config[name].batch_size
    steps = images // batch_size
    if config.max_steps_per_epoch:
        steps = min(steps, config.max_steps_per_epoch)
    if not steps:
        raise UserError(
            f"config.{name}.batch_size={batch_size}, but the training split has only"
            f" {images} images"
        )
    return steps
