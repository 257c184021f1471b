"""The progress of a stage: a live display in a terminal, lines in a log file."""

import contextlib
import logging
from collections.abc import Iterator, Mapping

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from au_jax.runtime import console

LOG = logging.getLogger(__name__)


class StageProgress:
    """Shows the step, the speed, the time left and the loss terms of one stage.

    A terminal shows a bar and the newest terms below all log lines. Anything else (a
    file, Slurm's output) gets one line per report.
    """

    def __init__(self, stage: str, done: int, num_steps: int, images_per_step: int):
        self.stage, self.num_steps = stage, num_steps
        self.images_per_step = images_per_step
        self.bar = Progress(
            TextColumn("[bold]{task.description}"),
            MofNCompleteColumn(),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[speed]}"),
            console=console.stderr(),
            expand=True,
        )
        self.task = self.bar.add_task(
            stage, total=num_steps, completed=done, speed="compiling"
        )
        self.live = Live(self.bar, console=console.stderr(), refresh_per_second=4)

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Keep the display up to date, if standard error is a terminal."""
        with self.live if console.stderr().is_terminal else contextlib.nullcontext():
            yield

    def step(self, step: int) -> None:
        """Move the bar."""
        self.bar.update(self.task, completed=step)

    def doing(self, activity: str) -> None:
        """Name the current activity: "training", "validation", "done"."""
        self.bar.update(self.task, speed=activity)

    def report(
        self, step: int, terms: Mapping[str, float], steps_per_second: float | None
    ) -> None:
        """Show the means of the last steps; names with a slash go to the files only."""
        speed = self.speed(step, steps_per_second)
        shown = {name: f"{v:.4g}" for name, v in terms.items() if "/" not in name}
        if console.stderr().is_terminal:
            self.bar.update(self.task, completed=step, speed=speed)
            table = terms_table(shown, console.stderr().width)
            self.live.update(Group(table, self.bar))
            return
        text = "  ".join(f"{name} {value}" for name, value in shown.items())
        percent = 100 * step / self.num_steps
        LOG.info(
            "%s %d/%d %.0f%%  %s  (%s)",
            *(self.stage, step, self.num_steps, percent, text, speed),
        )

    def speed(self, step: int, steps_per_second: float | None) -> str:
        """The speed and the time left in this stage, in words."""
        if steps_per_second is None:
            return "measuring the speed"
        left = duration((self.num_steps - step) / steps_per_second)
        images = steps_per_second * self.images_per_step
        return f"{steps_per_second:.3g} steps/s, {images:.3g} images/s, {left} left"


def terms_table(shown: Mapping[str, str], width: int) -> Table:
    """A table of names and values with as many pairs per row as fit into `width`."""
    table = Table(box=None, show_header=False, padding=(0, 1))
    # Two spaces around the name and around the value.
    pair = max((len(name) + len(value) + 4 for name, value in shown.items()), default=1)
    cells = [cell for pair in shown.items() for cell in pair]
    per_row = 2 * max(1, min(len(shown), width // pair))
    for column in range(per_row):
        numeric = column % 2 == 1
        table.add_column(justify="right" if numeric else "left", no_wrap=True)
    for row in range(0, len(cells), per_row):
        table.add_row(*cells[row : row + per_row])
    return table


def duration(seconds: float) -> str:
    """A duration in words: "40 s", "12 min", "3 h 05 min", "2 d 04 h"."""
    if round(seconds) < 90:
        return f"{round(seconds)} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    hours = round(minutes / 60)
    return f"{hours // 24} d {hours % 24:02d} h"
