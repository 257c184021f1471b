"""Loss terms on their way from the device to the log."""

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
from au_jax.workdir.metrics_log import Writer

LOG = logging.getLogger(__name__)

IN_FLIGHT = 2  # steps that the device may be behind: it never waits for the host
MOST_IN_A_ROW = 100  # skipped steps: from then on the parameters themselves are bad


class TermLog:
    """Fetches the terms of each step once it is done, and reports their means.

    Reports come after every `every`-th step and after the last, whatever step the
    program started with: the terms since the last report go into checkpoints.

    Args:
        writer: Takes the means, at step numbers.
        progress: Shows them.
        rates: Learning rate of each group, of the number of steps done before.
        every: Steps between reports.
        num_steps: Of the stage.
        on_nonfinite: Whether a bad step shall "stop" the run, or was a "skip".
        paths: The images of a step, for messages.
        notes: Of the checkpoint that the run goes on from: `self.notes()`.
    """

    def __init__(
        self,
        writer: Writer,
        progress: StageProgress,
        rates: Mapping[str, Schedule],
        *,
        every: int,
        num_steps: int,
        on_nonfinite: str,
        paths: Callable[[int], Sequence[str]],
        notes: Mapping[str, Any],
    ):
        self.writer, self.progress, self.rates = writer, progress, rates
        self.every, self.num_steps = every, num_steps
        self.on_nonfinite, self.paths = on_nonfinite, paths
        self.window: list[dict[str, float]] = notes.get("window", [])
        self.skipped: int = notes.get("skipped", 0)
        self.in_a_row = 0
        self.pending: collections.deque[tuple[int, Terms]] = collections.deque()
        self.timed, self.since, self.waited = 0, math.nan, 0.0

    def waiting(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The same batches; reports say for how long each step waited for its own."""
        began = time.monotonic()
        for batch in batches:
            self.waited += time.monotonic() - began
            yield batch
            began = time.monotonic()

    def add(self, step: int, terms: Terms) -> None:
        """Takes a step's terms; raises a `UserError` where earlier ones are bad."""
        self.pending.append((step, terms))
        while len(self.pending) > IN_FLIGHT:
            self._take(*self.pending.popleft())

    def drain(self) -> None:
        """Waits for all steps; afterwards their reports are written."""
        while self.pending:
            self._take(*self.pending.popleft())

    def notes(self) -> dict[str, Any]:
        """What a checkpoint has to hold for reports to go on as if never stopped."""
        assert not self.pending
        return {"window": list(self.window), "skipped": self.skipped}

    def restart_clock(self) -> None:
        """What was just done (compiling, validation) does not count as training."""
        self.timed, self.since, self.waited = 0, time.monotonic(), 0.0

    def _take(self, step: int, terms: Terms) -> None:
        fetched = {k: float(v) for k, v in jax.device_get(terms).items()}
        values = {"total": fetched.pop("total"), **fetched}
        bad = [name for name, value in values.items() if not math.isfinite(value)]
        if bad:
            self._handle_bad(step, bad)
        else:
            self.window.append(values)
            self.in_a_row = 0
        if math.isnan(self.since):  # the first step was compiled
            jax.block_until_ready(self.pending)
            self.restart_clock()
            self.timed = -len(self.pending)  # these are done already
        else:
            self.timed += 1
        self.progress.step(step)
        if step % self.every == 0 or step == self.num_steps:
            self._report(step)

    def _handle_bad(self, step: int, bad: Sequence[str]) -> None:
        # The gradients and the total of a bad term are bad as well, and say no more.
        terms = [name for name in bad if name != "total" and "/" not in name]
        names = ", ".join(terms or bad)
        what = f"{self.progress.stage}: {names} not finite at step {step}"
        images = f"images {', '.join(self.paths(step))}"
        if self.on_nonfinite == "stop":
            raise UserError(
                f"{what}; the checkpoints before are intact. Go on with"
                " --config.on_nonfinite=skip, or begin in another --workdir with a"
                f" lower learning rate; {images}"
            )
        self.skipped += 1
        self.in_a_row += 1
        if self.in_a_row == MOST_IN_A_ROW:
            raise UserError(
                f"{what}, and so it was for {MOST_IN_A_ROW} steps in a row: skipping"
                " does not help; begin in another --workdir with a lower learning rate"
            )
        LOG.warning("%s: the step was skipped; %s", what, images)

    def _report(self, step: int) -> None:
        means = {
            name: math.fsum(terms[name] for terms in self.window) / len(self.window)
            for name in (self.window[0] if self.window else ())
        }
        if self.on_nonfinite == "skip":
            means["skipped_steps"] = float(self.skipped)
        elapsed = time.monotonic() - self.since
        speed = self.timed / elapsed if self.timed > 0 else None
        extra = {
            f"learning_rate/{group}": rate(step - 1)
            for group, rate in self.rates.items()
        }
        if speed is not None:
            extra["speed/steps_per_second"] = speed
            extra["speed/images_per_second"] = speed * self.progress.images_per_step
            extra["speed/waiting_for_data"] = self.waited / elapsed
        self.writer.write(step, means | extra)
        self.progress.report(step, means, speed)
        self.window = []
