"""The training loop: it knows stages, data and checkpoints, but no network."""

import contextlib
import dataclasses
import logging
from pathlib import Path

import jax

from au_jax import (
    checkpoint,
    console,
    devices,
    evaluation,
    losses,
    optim,
    progress,
    starts,
    term_log,
    train_state,
    validation,
    writer,
)
from au_jax.data import pipeline, source
from au_jax.data.source import FaceSplit
from au_jax.errors import UserError
from au_jax.run_state import initial_networks, write_config
from au_jax.stages import STAGES
from au_jax.types import DOMAINS, Config

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
            domain: source.open_split(
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


def run(config: Config, workdir: Path) -> None:
    """Runs the config's stages in order, each from where it was if it was begun."""
    splits = open_splits(config)
    for name in config.stages:
        devices.check_batch_size(f"{name}.batch_size", config[name].batch_size)
    devices.check_batch_size("eval.batch_size", config.eval.batch_size)
    write_config(workdir, config)
    starts.record(workdir)
    for name in config.stages:
        run_stage(name, config, splits, workdir)


def run_stage(name: str, config: Config, splits: Splits, workdir: Path) -> None:
    """One stage to its end; validation and a checkpoint at the end of each epoch."""
    stage, mesh = STAGES[name], devices.make_mesh()
    train = [splits.train[domain] for domain in stage.domains(config)]
    epoch = steps_per_epoch(name, config, len(train[0]))
    num_steps = config[name].epochs * epoch

    params, batch_stats = initial_networks(name, config, workdir)
    optimizers = optim.make_optimizers(config, name, params, num_steps)
    state = train_state.create(params, batch_stats, optimizers)
    state = devices.place_state(mesh, state)
    au_weight = losses.au_weights(*source.labels(train[0]))
    train_step = devices.compile_step(
        mesh, stage.make_train_step(config, optimizers, au_weight)
    )
    predict = evaluation.compile_predict(mesh, stage.make_predict(config))
    dataset = pipeline.make_train(
        train,
        crop=config.data.crop,
        batch_size=config[name].batch_size,
        seed=config.seed,
        process_index=jax.process_index(),
        process_count=jax.process_count(),
    )
    images = len(train) * config[name].batch_size
    with checkpoint.open_manager(workdir / name, DOMAINS) as manager:
        done = manager.latest_step() or 0
        if done:
            state = checkpoint.restore(manager, done, state)
            LOG.info("%s: %d of %d steps are done already", name, done, num_steps)
        rates = optim.learning_rates(config, name, params, num_steps)
        shown = progress.StageProgress(name, done, num_steps, images)
        with shown.shown(), contextlib.closing(writer.Writer(workdir, name)) as metrics:
            log = term_log.TermLog(
                metrics, shown, rates, every=config.log_every, num_steps=num_steps
            )
            for step, batch in enumerate(
                pipeline.train_batches(
                    dataset,
                    start=done,
                    stop=num_steps,
                    num_workers=config.data.num_workers,
                ),
                start=done + 1,
            ):
                state, terms = train_step(state, devices.place_batch(mesh, batch))
                log.add(step, terms)
                if step % epoch == 0:
                    log.drain()
                    shown.doing("validation")
                    found = validation.validate(
                        predict, state, splits.val, config, mesh, lambda: None
                    )
                    metrics.write(step, validation.values(found))
                    validation.write_best(workdir)
                    LOG.info("%s: validation after epoch %d", name, step // epoch)
                    console.stderr().print(validation.table(found))
                    checkpoint.save(manager, state, validation.scores(found))
                    log.restart_clock()
            shown.doing("done")


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
