"""The log of loss terms: from the device to means in the metrics."""

import collections
import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import jax

from au_jax.errors import UserError
from au_jax.training.optimizers import Schedule
from au_jax.training.progress import StageProgress
from au_jax.types import Batch, Terms
from au_jax.workdir.metrics_log import MetricsLog

LOG = logging.getLogger(__name__)

IN_FLIGHT = 2
"""Steps that the host may be ahead of the device, so that the device never waits."""
MOST_SKIPPED_IN_A_ROW = 100
"""Skipped steps in a row that end the run: the parameters themselves must be bad."""


class TermLog:
    """Fetches the terms of each step once it is done, and reports their means.

    Reports come after every `every`-th step and after the last, no matter at which step
    the program started: terms since the last report are part of a checkpoint.

    Args:
        metrics: Takes the means.
        progress: Shows the means.
        rates: The learning rate of each group as a function of the steps done before.
        every: Steps between reports.
        num_steps: Steps of the stage.
        on_nonfinite: "stop" ends the run at a step that is not finite; "skip" counts
            the step, which has changed no parameter.
        paths: The images of a step, for messages.
        notes: `self.notes()` at the checkpoint from which the run resumes.
    """

    def __init__(
        self,
        metrics: MetricsLog,
        progress: StageProgress,
        rates: Mapping[str, Schedule],
        *,
        every: int,
        num_steps: int,
        on_nonfinite: str,
        paths: Callable[[int], Sequence[str]],
        notes: Mapping[str, Any],
    ):
        self.metrics, self.progress, self.rates = metrics, progress, rates
        self.every, self.num_steps = every, num_steps
        self.on_nonfinite, self.paths = on_nonfinite, paths
        self.window: list[dict[str, float]] = notes.get("window", [])
        self.skipped: int = notes.get("skipped", 0)
        self.skipped_in_a_row = 0
        self.pending: collections.deque[tuple[int, Terms]] = collections.deque()
        self.timed_steps, self.clock_start, self.waited = 0, math.nan, 0.0

    def waiting(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Pass batches on, and measure how long each step waits for its batch."""
        start = time.monotonic()
        for batch in batches:
            self.waited += time.monotonic() - start
            yield batch
            start = time.monotonic()

    def add(self, step: int, terms: Terms) -> None:
        """Take the terms of a step, which may still be running.

        Raises:
            UserError: a term of an earlier step is not finite.
        """
        self.pending.append((step, terms))
        while len(self.pending) > IN_FLIGHT:
            self._fetch(*self.pending.popleft())

    def flush(self) -> None:
        """Wait for all steps in flight; afterwards their reports are written."""
        while self.pending:
            self._fetch(*self.pending.popleft())

    def notes(self) -> dict[str, Any]:
        """The part of the log that a checkpoint stores, so that reports are exact."""
        assert not self.pending
        return {"window": list(self.window), "skipped": self.skipped}

    def restart_clock(self) -> None:
        """Exclude the time since the last step from the speed: it was not training."""
        self.timed_steps, self.clock_start, self.waited = 0, time.monotonic(), 0.0

    def _fetch(self, step: int, terms: Terms) -> None:
        fetched = {k: float(v) for k, v in jax.device_get(terms).items()}
        values = {"total": fetched.pop("total"), **fetched}
        bad = [name for name, value in values.items() if not math.isfinite(value)]
        if bad:
            self._handle_nonfinite(step, bad)
        else:
            self.window.append(values)
            self.skipped_in_a_row = 0
        if math.isnan(self.clock_start):  # the first step, which was compiled
            jax.block_until_ready(list(self.pending))  # a deque is no pytree
            self.restart_clock()
            self.timed_steps = -len(self.pending)  # the steps that are done already
        else:
            self.timed_steps += 1
        self.progress.step(step)
        if step % self.every == 0 or step == self.num_steps:
            self._report(step)

    def _handle_nonfinite(self, step: int, bad: Sequence[str]) -> None:
        # A bad term makes its gradients and the total bad: naming these says no more.
        terms = [name for name in bad if name != "total" and "/" not in name]
        names = ", ".join(terms or bad)
        event = f"{self.progress.stage}: {names} not finite at step {step}"
        images = f"images {', '.join(self.paths(step))}"
        if self.on_nonfinite == "stop":
            raise UserError(
                f"{event}; earlier checkpoints are intact. Resume with"
                " --config.on_nonfinite=skip, or start in another --workdir with a"
                f" lower learning rate; {images}"
            )
        self.skipped += 1
        self.skipped_in_a_row += 1
        if self.skipped_in_a_row == MOST_SKIPPED_IN_A_ROW:
            raise UserError(
                f"{event}, as in the {MOST_SKIPPED_IN_A_ROW - 1} steps before: skipping"
                " does not help; start in another --workdir with a lower learning rate"
            )
        LOG.warning("%s: the step was skipped; %s", event, images)

    def _report(self, step: int) -> None:
        means = {
            name: math.fsum(terms[name] for terms in self.window) / len(self.window)
            for name in (self.window[0] if self.window else ())
        }
        if self.on_nonfinite == "skip":
            means["skipped_steps"] = float(self.skipped)
        elapsed = time.monotonic() - self.clock_start
        steps_per_second = self.timed_steps / elapsed if self.timed_steps > 0 else None
        extra = {
            f"learning_rate/{group}": rate(step - 1)
            for group, rate in self.rates.items()
        }
        if steps_per_second is not None:
            images = self.progress.images_per_step
            extra["speed/steps_per_second"] = steps_per_second
            extra["speed/images_per_second"] = steps_per_second * images
            extra["speed/waiting_for_data"] = self.waited / elapsed
        self.metrics.write(step, means | extra)
        self.progress.report(step, means, steps_per_second)
        self.window = []
