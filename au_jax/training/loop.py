"""The training loop: it knows stages, data and checkpoints, but no network."""

import contextlib
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp

from au_jax.data import split
from au_jax.errors import UserError
from au_jax.evaluation import inference
from au_jax.runtime import devices
from au_jax.runtime.signals import Requests
from au_jax.stages import STAGES, losses, pixels
from au_jax.stages import state as train_state
from au_jax.stages.state import Optimizers, TrainState
from au_jax.training import optimizers as optim
from au_jax.training import plan as stage_plan
from au_jax.training.pauses import Pauses
from au_jax.training.plan import Splits, StagePlan
from au_jax.training.progress import StageProgress
from au_jax.training.term_log import TermLog
from au_jax.types import DOMAINS, Batch, Config, Terms, Variables
from au_jax.workdir import checkpoints
from au_jax.workdir import networks as run_state
from au_jax.workdir.metrics_log import Writer

LOG = logging.getLogger(__name__)


def run_stage(
    name: str,
    config: Config,
    train: Splits,
    val: Splits,
    workdir: Path,
    requests: Requests,
    wandb: Any = None,
) -> None:
    """One stage to its end; validation and a checkpoint at the end of each epoch.

    Args:
        name: Of the stage, as in `STAGES`.
        config: Of the run.
        train: The training splits, by domain.
        val: The validation splits, by domain.
        workdir: Of the run.
        requests: What signals ask for.
        wandb: A wandb run that takes the metrics, too.
    """
    plan = stage_plan.make_plan(name, config, train, workdir)
    if plan.finished:
        LOG.info("%s: all %d steps are done already", name, plan.num_steps)
        return
    mesh = devices.make_mesh()
    shapes = run_state.network_shapes(name, config)
    optimizers = optim.make_optimizers(config, name, shapes.params, plan.num_steps)
    shown = StageProgress(name, plan.done, plan.num_steps, plan.images_per_step)
    with (
        checkpoints.open_manager(plan.folder, DOMAINS) as manager,
        contextlib.closing(Writer(workdir, name, wandb)) as metrics,
        shown.shown(),
    ):
        state = starting_state(plan, workdir, manager, mesh, shapes, optimizers)
        requests.check()
        log = make_log(plan, metrics, shown, optimizers)
        predict = inference.compile_predict(mesh, STAGES[name].make_predict(config))
        pauses = Pauses(
            plan, workdir, requests, val, mesh, manager, metrics, log, predict
        )
        if plan.validation_is_due:
            pauses.after_step(plan.done, state)
        train_step = compile_train_step(plan, mesh, optimizers)
        requests.check()
        with contextlib.closing(stage_plan.make_batches(plan)) as batches:
            placed = devices.place_ahead(mesh, log.waiting(batches))
            for step, batch in enumerate(placed, start=plan.done + 1):
                state, terms = train_step(state, batch)
                log.add(step, terms)
                pauses.after_step(step, state)
        checkpoints.wait(manager)
        shown.doing("done")


def starting_state(
    plan: StagePlan,
    workdir: Path,
    manager: ocp.CheckpointManager,
    mesh: jax.sharding.Mesh,
    shapes: Variables,
    optimizers: Optimizers,
) -> TrainState:
    """That of the latest checkpoint, or the one before the first step.

    Raises:
        UserError: another version of the program wrote the checkpoint.
    """
    if plan.position is None:
        networks = run_state.initial_networks(plan.name, plan.config, workdir)
        return devices.place_state(mesh, train_state.create(networks, optimizers))
    parts = jax.eval_shape(
        lambda v: train_state.checkpoint_items(train_state.create(v, optimizers)),
        shapes,
    )
    try:
        state = checkpoints.restore(manager, plan.done, parts, devices.replicated(mesh))
    except ValueError as error:
        raise UserError(
            f"{plan.folder / str(plan.done)} is of another version of au_jax: its"
            " training cannot go on; start in another --workdir, from its networks with"
            f" --config.init_from={plan.folder}"
        ) from error
    LOG.info(
        "%s: %d of %d steps are done already", plan.name, plan.done, plan.num_steps
    )
    return state


def make_log(
    plan: StagePlan, metrics: Writer, shown: StageProgress, groups: Iterable[str]
) -> TermLog:
    """The log of a stage, as it was when its latest checkpoint was written."""
    return TermLog(
        metrics,
        shown,
        optim.learning_rates(plan.config, plan.name, groups, plan.num_steps),
        every=plan.config.log_every,
        num_steps=plan.num_steps,
        on_nonfinite=plan.config.on_nonfinite,
        paths=lambda step: stage_plan.image_names(plan, step),
        notes=checkpoints.read_notes(plan.folder, plan.done) if plan.position else {},
    )


def compile_train_step(
    plan: StagePlan, mesh: jax.sharding.Mesh, optimizers: Optimizers
) -> Callable[[TrainState, Batch], tuple[TrainState, Terms]]:
    """The stage's step; its AU weights are those of the first training split."""
    weight = losses.au_weights(*split.labels(plan.streams[0]))
    step = STAGES[plan.name].make_train_step(plan.config, optimizers, weight)
    return devices.compile_step(mesh, train_state.guarded(pixels.step_on_pixels(step)))
