"""Where numbers go: metrics.jsonl, the source of truth, and what is drawn from it.

TensorBoard's files (and a wandb run, if asked for) are views of metrics.jsonl. When a
run goes on, the lines after its checkpoint are cut off and TensorBoard's files are made
again, so no step appears twice. wandb cannot be cut back: there a line's number is its
step, and lines that it has already are not sent again; they would be the same.
"""

import json
import math
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event  # pyright: ignore
from tensorboardX.summary import scalar

from au_jax.errors import UserError
from au_jax.runtime import processes
from au_jax.runtime.files import write_whole
from au_jax.workdir.checkpoints import Position

Values = Mapping[str, float]
Line = dict[str, Any]


class Writer:
    """The metrics of one stage: a line and TensorBoard scalars per call.

    Of several processes the first one writes.

    `tensorboard/STAGE` holds a run per stage, since each counts its own steps.
    """

    def __init__(self, workdir: Path, stage: str, wandb: Any = None):
        self.path, self.stage, self.wandb = workdir / "metrics.jsonl", stage, wandb
        self.events: EventsWriter | None = None
        if not processes.first():
            return
        folder = workdir / "tensorboard" / stage
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        # Not its SummaryWriter: that writes in a thread, where a full disk is not seen.
        self.events = EventsWriter(str(folder / "events"))
        self.lines = 0  # of metrics.jsonl
        for line in read_metrics(workdir):
            if line["stage"] == stage:
                self._add_events(self.events, line)
            self._send(line)
        self.events.flush()

    def write(self, step: int, values: Values) -> None:
        """Appends the values of a step; what is not finite becomes null."""
        finite = {k: v if math.isfinite(v) else None for k, v in values.items()}
        line = {"stage": self.stage, "step": step, "time": time.time(), **finite}
        if self.events is None:
            return
        try:
            with self.path.open("a") as file:
                file.write(json.dumps(line) + "\n")
                file.flush()
                os.fsync(file.fileno())
            self._add_events(self.events, line)
            self.events.flush()
        except OSError as error:
            raise UserError(
                f"cannot write {self.path}: {error.strerror}; when there is room, the"
                " same command goes on from the last checkpoint"
            ) from error
        self._send(line)

    def close(self) -> None:
        """Ends the event file."""
        if self.events is not None:
            self.events.close()

    def _add_events(self, events: EventsWriter, line: Line) -> None:
        for name, value in numbers(line).items():
            event = Event(step=line["step"], wall_time=line["time"])
            event.summary.CopyFrom(scalar(name, value))
            events.write_event(event)

    def _send(self, line: Line) -> None:
        """A line to wandb, if it is not there: its `step` is the next that it takes."""
        if self.wandb is not None and self.lines >= self.wandb.step:
            values = {"step": line["step"], **numbers(line)}
            shown = {f"{line['stage']}/{k}": v for k, v in values.items()}
            self.wandb.log(shown, step=self.lines)
        self.lines += 1


def numbers(line: Line) -> dict[str, float]:
    """The values of a line, without its stage, step and time."""
    return {
        k: v
        for k, v in line.items()
        if k not in ("stage", "step", "time") and v is not None
    }


def read_metrics(workdir: Path) -> Iterator[Line]:
    """The lines of a run; one that a killed process left half-written is skipped."""
    path = workdir / "metrics.jsonl"
    if not path.exists():
        return
    with path.open() as file:
        for text in file:
            try:
                line = json.loads(text)
            except ValueError:
                continue
            yield {"time": 0.0, **line}


def cut_back(workdir: Path, done: Mapping[str, Position]) -> None:
    """Drops the lines after the checkpoints, and those of stages that have none."""

    def kept(line: Line) -> bool:
        position = done.get(line["stage"])
        if position is None or line["step"] != position.step:
            return position is not None and line["step"] < position.step
        # Validation will be done again where the checkpoint was written before it.
        return position.validated or "selection/source" not in line

    path = workdir / "metrics.jsonl"
    if path.exists():
        lines = [line for line in read_metrics(workdir) if kept(line)]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        if text != path.read_text():
            write_whole(path, text)
