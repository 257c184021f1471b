"""Loss terms on their way from the device to the log."""

import collections
import math
import time
from collections.abc import Mapping, Sequence

import jax
import optax

from au_jax.errors import UserError
from au_jax.progress import StageProgress
from au_jax.types import Terms
from au_jax.writer import Writer

IN_FLIGHT = 2  # steps that the device may be behind: it never waits for the host

Window = list[dict[str, float]]


class TermLog:
    """Fetches the terms of each step once it is done, and reports their means.

    Reports come after every `every`-th step and after the last, whatever step the
    program started with: `window`, the terms since the last report, goes into
    checkpoints.

    Args:
        writer: Takes the means, at step numbers.
        progress: Shows them.
        rates: Learning rate of each group, of the number of steps done before.
        every: Steps between reports.
        num_steps: Of the stage.
        window: What a checkpoint holds of the steps since the last report.
    """

    def __init__(
        self,
        writer: Writer,
        progress: StageProgress,
        rates: Mapping[str, optax.Schedule],
        *,
        every: int,
        num_steps: int,
        window: Sequence[Mapping[str, float]] = (),
    ):
        self.writer, self.progress, self.rates = writer, progress, rates
        self.every, self.num_steps = every, num_steps
        self.window: Window = [dict(terms) for terms in window]
        self.pending: collections.deque[tuple[int, Terms]] = collections.deque()
        self.timed, self.since = 0, math.nan

    def add(self, step: int, terms: Terms) -> None:
        """Takes a step's terms; raises a `UserError` where earlier ones are bad."""
        self.pending.append((step, terms))
        while len(self.pending) > IN_FLIGHT:
            self._take(*self.pending.popleft())

    def drain(self) -> None:
        """Waits for all steps; afterwards their reports are written."""
        while self.pending:
            self._take(*self.pending.popleft())

    def restart_clock(self) -> None:
        """What was just done (compiling, validation) does not count as training."""
        self.timed, self.since = 0, time.monotonic()

    def _take(self, step: int, terms: Terms) -> None:
        fetched = {k: float(v) for k, v in jax.device_get(terms).items()}
        values = {"total": fetched.pop("total"), **fetched}
        bad = [name for name, value in values.items() if not math.isfinite(value)]
        if bad:
            raise UserError(
                f"{self.progress.stage}: {', '.join(bad)} not finite at step {step};"
                " the checkpoints before are intact. Try a lower learning rate"
            )
        self.window.append(values)
        if math.isnan(self.since):  # the first step was compiled
            self.restart_clock()
        else:
            self.timed += 1
        self.progress.step(step)
        if step % self.every == 0 or step == self.num_steps:
            self._report(step)

    def _report(self, step: int) -> None:
        means = {
            name: math.fsum(terms[name] for terms in self.window) / len(self.window)
            for name in self.window[0]
        }
        elapsed = time.monotonic() - self.since
        speed = self.timed / elapsed if self.timed else None
        extra = {
            f"learning_rate/{group}": float(rate(step - 1))  # pyright: ignore
            for group, rate in self.rates.items()
        }
        if speed is not None:
            extra["speed/steps_per_second"] = speed
            extra["speed/images_per_second"] = speed * self.progress.images_per_step
        self.writer.write(step, means | extra)
        self.progress.report(step, means, speed)
        self.window = []
