"""The training loop: it knows stages, data and checkpoints, but no network."""

import contextlib
import itertools
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp
from jaxtyping import Bool, Float

from au_jax.data.split import FaceSplit, labels
from au_jax.errors import UserError
from au_jax.evaluation.inference import make_predictor
from au_jax.runtime import devices, processes
from au_jax.runtime.signals import Requests, Stopped
from au_jax.stages import WITHOUT_AUS, losses
from au_jax.stages import state as train_state
from au_jax.stages.state import Optimizers, TrainState
from au_jax.training.optimizers import learning_rates, make_optimizers
from au_jax.training.plan import StagePlan, image_paths, make_batches
from au_jax.training.progress import StageProgress
from au_jax.training.step import build_train_step, compile_train_step
from au_jax.training.term_log import TermLog
from au_jax.training.validation import Validator
from au_jax.types import RULES, Variables
from au_jax.workdir import checkpoints, data_record
from au_jax.workdir.best_networks import network_shapes
from au_jax.workdir.checkpoint_errors import OtherNetworks
from au_jax.workdir.config import as_json
from au_jax.workdir.initial_networks import initial_networks
from au_jax.workdir.metrics_log import MetricsLog

LOG = logging.getLogger(__name__)

AGREE_EVERY = 10
"""Steps between the exchanges in which several processes agree on signals."""


def run_stage(
    plan: StagePlan,
    val: Mapping[str, FaceSplit],
    workdir: Path,
    requests: Requests,
    wandb: Any = None,
) -> None:
    """Train a stage to its end, from its latest checkpoint if it has one.

    Args:
        plan: The stage and its training data.
        val: The validation splits by domain.
        workdir: The work directory of the run.
        requests: The signals received.
        wandb: A wandb run that takes the metrics, too.

    Raises:
        Stopped: a signal asked for it; the last step has a checkpoint.
        UserError: the disk is full, or a loss is not finite.
    """
    config, mesh = plan.config, devices.make_mesh()
    shapes = network_shapes(plan.name, config)
    optimizers = make_optimizers(config, plan.name, shapes.params, plan.num_steps)
    progress = StageProgress(plan.name, plan.done, plan.num_steps, plan.images_per_step)
    with (
        checkpoints.open_manager(plan.folder, RULES) as manager,
        contextlib.closing(MetricsLog(workdir, plan.name, wandb)) as metrics,
        progress.shown(),
    ):
        state = restore_or_initialise(plan, workdir, manager, mesh, shapes, optimizers)
        requests.check()
        log = make_log(plan, metrics, progress, optimizers)
        predictor = make_predictor(plan.name, config, mesh)
        pause = stop_between_batches(requests)
        validate = Validator(plan, val, workdir, predictor, metrics, progress, pause)
        if plan.validation_is_due:
            notes = make_notes(plan, val, log)
            checkpoints.save(manager, state, validate(plan.done, state), notes)
        weight = au_weights(plan)
        built = build_train_step(plan.name, config, optimizers, weight, plan.num_steps)
        train_step = compile_train_step(mesh, built)
        requests.check()
        with contextlib.closing(make_batches(plan)) as batches:
            placed = devices.place_ahead(mesh, log.waiting(batches))
            for step, batch in enumerate(placed, start=plan.done + 1):
                state, terms = train_step(state, batch)
                log.add(step, terms)  # the device is ahead: nothing waits for it here

                asked = signals_received(requests, step, plan.num_steps)
                end_of_epoch = step % plan.epoch == 0
                due = end_of_epoch or step % config.checkpoint_every == 0
                if not (due or asked.save or asked.stop):
                    continue
                # The order of these four matters.
                # 1. Flush the logs. Resuming cuts them back to the checkpoint but never
                #    adds a line, so no checkpoint may be ahead of them.
                log.flush()
                # 2. Validate. The checkpoint stores the scores, which decide whether it
                #    is kept. If a signal interrupts this, the next start validates.
                scores = None
                if end_of_epoch:
                    with contextlib.suppress(Stopped):
                        scores = validate(step, state)
                # 3. Save, in the background. Orbax copies `state` before it returns, so
                #    that the next step may overwrite it.
                requests.save = False
                notes = make_notes(plan, val, log)
                checkpoints.save(manager, state, scores, notes)
                # 4. Stop, if a signal asked for it before the step or since.
                asked_since = agreed(requests)
                if asked.save or asked_since.stop:
                    checkpoints.wait(manager)
                    LOG.info("%s: wrote a checkpoint after step %d", plan.name, step)
                if asked_since.stop:
                    raise Stopped(asked_since.stop)
                log.restart_clock()
        checkpoints.wait(manager)
        progress.doing("done")


class Asked(NamedTuple):
    """The action that the signals received so far ask for."""

    stop: int | None
    """The number of the signal that asks to stop."""
    save: bool
    """True if a signal asks for a checkpoint."""


def signals_received(requests: Requests, step: int, num_steps: int) -> Asked:
    """The signals on which to act after a step.

    Several processes may get a signal at different steps, or only one of them gets it.
    So they exchange what they got at steps that all of them reach, and act together.
    """
    if step % AGREE_EVERY and step != num_steps and not processes.alone():
        return Asked(None, False)
    return agreed(requests)


def agreed(requests: Requests) -> Asked:
    """The signals that any process received; all of them have to ask."""
    stop, save = processes.largest((requests.stop or 0, int(requests.save)))
    return Asked(stop or None, bool(save))


def stop_between_batches(requests: Requests) -> Callable[[], None]:
    """Return a function to call before each batch of a validation.

    It raises `Stopped` once a signal asks for it: of several processes, in all of them
    before the same batch.
    """
    batches = itertools.count()

    def pause() -> None:
        if stop := signals_received(requests, next(batches), 0).stop:
            raise Stopped(stop)

    return pause


def au_weights(plan: StagePlan) -> Float[np.ndarray, "a"]:
    """The weight of each AU by the training labels; 1 where a stage trains no AU."""
    aus = plan.config.data.aus
    if plan.name in WITHOUT_AUS:
        return np.ones(len(aus), np.float32)
    active, known = labels(plan.streams[0])
    warn_of_constant_labels(aus, active, known)
    return losses.au_weights(active, known)


def restore_or_initialise(
    plan: StagePlan,
    workdir: Path,
    manager: ocp.CheckpointManager,
    mesh: jax.sharding.Mesh,
    shapes: Variables,
    optimizers: Optimizers,
) -> TrainState:
    """Restore the latest checkpoint, or initialise the stage.

    Raises:
        UserError: another version of the program wrote the checkpoint.
    """
    if plan.position is None:
        variables = initial_networks(plan.name, plan.config, workdir)
        return devices.place_replicated(mesh, train_state.create(variables, optimizers))
    parts = jax.eval_shape(
        lambda v: train_state.checkpoint_items(train_state.create(v, optimizers)),
        shapes,
    )
    try:
        state = checkpoints.restore(manager, plan.done, parts, devices.replicated(mesh))
    except OtherNetworks as error:
        raise UserError(
            f"{plan.folder / str(plan.done)} was written by another version of au_jax"
            " and cannot be resumed; start from its networks in another --workdir, with"
            f" --config.init_from={plan.folder}"
        ) from error
    LOG.info("%s: resuming after %d of %d steps", plan.name, plan.done, plan.num_steps)
    return state


def make_notes(
    plan: StagePlan, val: Mapping[str, FaceSplit], log: TermLog
) -> dict[str, Any]:
    """What a checkpoint stores beside the state, for resuming to compare and use."""
    data = data_record.describe([*plan.streams, *val.values()])
    return {"config": as_json(plan.config), "data": data, **log.notes()}


def make_log(
    plan: StagePlan,
    metrics: MetricsLog,
    progress: StageProgress,
    groups: Iterable[str],
) -> TermLog:
    """The log of a stage, in the state in which its latest checkpoint left it."""
    return TermLog(
        metrics,
        progress,
        learning_rates(plan.config, plan.name, groups, plan.num_steps),
        every=plan.config.log_every,
        num_steps=plan.num_steps,
        on_nonfinite=plan.config.on_nonfinite,
        paths=lambda step: image_paths(plan, step),
        notes=checkpoints.read_notes(plan.folder, plan.done) if plan.position else {},
    )


def warn_of_constant_labels(
    names: Sequence[int],
    aus: Float[np.ndarray, "n a"],
    known: Bool[np.ndarray, "n a"],
) -> None:
    """Warn of AUs of which every label is active, or none: nothing can be learned."""
    count, active = known.sum(axis=0), (aus * known).sum(axis=0)
    for state, constant in (("active", active == count), ("inactive", active == 0)):
        found = zip(names, constant, count, strict=True)
        if wrong := ", ".join(str(au) for au, c, n in found if c and n):
            text = "every training label of AU %s is %s; is the table right?"
            LOG.warning(text, wrong, state)
