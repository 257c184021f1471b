"""The training loop: it knows stages, data and checkpoints, but no network."""

import dataclasses
import logging
import math
import time
from pathlib import Path

import jax
import numpy as np

from au_jax import checkpoint, devices, evaluation, losses, optim, train_state, writer
from au_jax.data import pipeline, source
from au_jax.data.source import FaceSplit
from au_jax.errors import UserError
from au_jax.evaluation import DOMAINS
from au_jax.run_state import initial_networks, write_config
from au_jax.stages import STAGES
from au_jax.types import Config, Predict, Terms

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
    for name in config.stages:
        run_stage(name, config, splits, workdir)


def run_stage(name: str, config: Config, splits: Splits, workdir: Path) -> None:
    """One stage to its end; validation and a checkpoint at the end of each epoch."""
    stage, mesh = STAGES[name], devices.make_mesh()
    train = [splits.train[domain] for domain in stage.domains(config)]
    batch_size = config[name].batch_size
    epoch = len(train[0]) // batch_size
    if config.max_steps_per_epoch:
        epoch = min(epoch, config.max_steps_per_epoch)
    if not epoch:
        raise UserError(
            f"config.{name}.batch_size={batch_size}, but the training split has only"
            f" {len(train[0])} images"
        )
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
        batch_size=batch_size,
        seed=config.seed,
        process_index=jax.process_index(),
        process_count=jax.process_count(),
    )
    with checkpoint.open_manager(workdir / name, DOMAINS) as manager:
        done = manager.latest_step() or 0
        if done:
            state = checkpoint.restore(manager, done, state)
            LOG.info("%s: %d of %d steps are done already", name, done, num_steps)
        log = TermLog(name, num_steps, config.log_every, workdir)
        for step, batch in enumerate(
            pipeline.train_batches(
                dataset, start=done, stop=num_steps, num_workers=config.data.num_workers
            ),
            start=done + 1,
        ):
            state, terms = train_step(state, devices.place_batch(mesh, batch))
            log.add(step, terms)
            if step % epoch == 0:
                scores, values = validate(predict, state, splits, config, mesh)
                writer.write_metrics(workdir, name, step, values)
                writer.log_metrics(f"{name} validation", step, num_steps, values)
                checkpoint.save(manager, state, scores)


def validate(
    predict: Predict,
    state: train_state.TrainState,
    splits: Splits,
    config: Config,
    mesh: jax.sharding.Mesh,
) -> tuple[checkpoint.Scores, dict[str, float]]:
    """Scores to choose checkpoints by, and all values for the log, of both domains."""
    scores, values = {}, {}
    for domain, split in splits.val.items():
        found = evaluation.evaluate(
            predict,
            state.params,
            state.batch_stats,
            split,
            mesh=mesh,
            crop=config.data.crop,
            batch_size=config.eval.batch_size,
        )
        scores[domain] = evaluation.selection_score(domain, found)
        values |= {f"val_{domain}_{k}": v for k, v in found.means().items()}
    return scores, values


class TermLog:
    """Collects loss terms on the device and reports their means now and then.

    Between reports nothing waits for the device.
    """

    def __init__(self, stage: str, num_steps: int, every: int, workdir: Path):
        self.stage, self.num_steps = stage, num_steps
        self.every, self.workdir = every, workdir
        self.pending: list[Terms] = []
        self.since = time.monotonic()

    def add(self, step: int, terms: Terms) -> None:
        """Takes a step's terms; raises a `UserError` where one is not finite."""
        self.pending.append(terms)
        if step % self.every and step != self.num_steps:
            return
        fetched = jax.device_get(self.pending)
        values = {k: float(np.mean([t[k] for t in fetched])) for k in terms}
        bad = [name for name, value in values.items() if not math.isfinite(value)]
        if bad:
            first = step - len(fetched) + 1
            raise UserError(
                f"{self.stage}: {', '.join(bad)} not finite between steps {first} and"
                f" {step}; the checkpoints before are intact. Try a lower learning rate"
            )
        now = time.monotonic()
        values["steps_per_second"] = len(fetched) / (now - self.since)
        writer.write_metrics(self.workdir, self.stage, step, values)
        writer.log_metrics(self.stage, step, self.num_steps, values)
        self.pending, self.since = [], now
