"""What comes between the steps of a stage: validation, checkpoints, the end."""

import contextlib
import dataclasses
import logging
from pathlib import Path

import jax
import orbax.checkpoint as ocp

from au_jax.runtime import console, processes
from au_jax.runtime.signals import Requests, Stopped
from au_jax.stages.state import TrainState
from au_jax.training import validation
from au_jax.training.plan import Splits, StagePlan
from au_jax.training.term_log import TermLog
from au_jax.types import PredictFn
from au_jax.workdir import checkpoints, resume
from au_jax.workdir.metrics_log import Writer

LOG = logging.getLogger(__name__)

AGREE_EVERY = 10  # steps between which several processes do not ask each other


@dataclasses.dataclass(frozen=True)
class Pauses:
    """All that the pauses of one stage need; `after_step` is called after each step."""

    plan: StagePlan
    workdir: Path
    requests: Requests
    val: Splits
    mesh: jax.sharding.Mesh
    manager: ocp.CheckpointManager
    metrics: Writer
    log: TermLog
    predict: PredictFn

    def after_step(self, step: int, state: TrainState) -> None:
        """Validates, saves and stops where it is time or was asked for.

        Whatever of the step goes to the logs is there before its checkpoint is: logs
        are cut back to the checkpoint, never filled up.
        """
        config, scores = self.plan.config, None
        end_of_epoch = step % self.plan.epoch == 0
        asked = self.asked(step)
        if not (end_of_epoch or asked or step % config.checkpoint_every == 0):
            return
        self.log.drain()
        if end_of_epoch:
            with contextlib.suppress(Stopped):  # then the next start validates
                scores = self.validate(step, state)
        self.requests.save = False
        notes = {"config": resume.as_json(config), **self.log.notes()}
        checkpoints.save(self.manager, state, scores, notes)
        if asked or (self.requests.stop is not None and processes.alone()):
            checkpoints.wait(self.manager)
            LOG.info("%s: wrote a checkpoint after step %d", self.plan.name, step)
        if asked and self.requests.stop is not None:
            raise Stopped(self.requests.stop)
        self.requests.check()
        self.log.restart_clock()

    def asked(self, step: int) -> bool:
        """Whether a signal asked for a checkpoint, or for one and the end.

        Of several processes each may get its signal at another step, or only one of
        them gets any: they agree at steps that all of them reach.
        """
        if not processes.alone():
            if step % AGREE_EVERY and step != self.plan.num_steps:
                return False
            asked = (self.requests.stop or 0, int(self.requests.save))
            stop, save = processes.largest(asked)
            self.requests.stop, self.requests.save = stop or None, bool(save)
        return self.requests.save or self.requests.stop is not None

    def validate(self, step: int, state: TrainState) -> checkpoints.Scores:
        """Scores on both domains, also written and shown."""
        self.log.progress.doing("validation")
        found = validation.validate(
            self.predict,
            state,
            self.val,
            self.plan.config,
            self.mesh,
            self.requests.check,
        )
        self.metrics.write(step, validation.values(found))
        if processes.first():
            validation.write_best(self.workdir)
            epoch = step // self.plan.epoch
            LOG.info("%s: validation after epoch %d", self.plan.name, epoch)
            console.stderr().print(validation.table(found))
        self.log.progress.doing("training")
        return validation.scores(found)
