"""metrics.jsonl, the record of all numbers of a run, and the files derived from it.

TensorBoard's files, `best.json` and a wandb run are views of metrics.jsonl. When a run
resumes, the lines after its checkpoint are cut off and TensorBoard's files are written
again, so no step appears twice. wandb cannot be cut back: a line's number is its wandb
step, and lines that wandb already has are not sent again, because they would be equal.
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
from au_jax.types import DOMAINS
from au_jax.workdir.checkpoints import Position

FILE = "metrics.jsonl"

Values = Mapping[str, float]
Line = dict[str, Any]


class MetricsLog:
    """The metrics of one stage: each call writes one line and its TensorBoard scalars.

    Where several processes train, only the first one writes. `tensorboard/STAGE` holds
    one TensorBoard run per stage, because each stage counts its own steps.
    """

    def __init__(self, workdir: Path, stage: str, wandb: Any = None):
        self.path, self.stage, self.wandb = workdir / FILE, stage, wandb
        self.events: EventsWriter | None = None
        if not processes.first():
            return
        folder = workdir / "tensorboard" / stage
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        # Not tensorboardX's SummaryWriter: its thread hides the errors of a full disk.
        self.events = EventsWriter(str(folder / "events"))
        self.num_lines = 0  # of metrics.jsonl
        for line in read_metrics(workdir):
            if line["stage"] == stage:
                self._add_events(self.events, line)
            self._send_to_wandb(line)
        self.events.flush()

    def write(self, step: int, values: Values) -> None:
        """Append the values of a step; values that are not finite become null.

        Raises:
            UserError: the disk is full.
        """
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
                f"cannot write {self.path}: {error.strerror}; make room, then run the"
                " same command again to resume from the last checkpoint"
            ) from error
        self._send_to_wandb(line)

    def close(self) -> None:
        """Close the event file."""
        if self.events is not None:
            self.events.close()

    def _add_events(self, events: EventsWriter, line: Line) -> None:
        for name, value in numbers(line).items():
            event = Event(step=line["step"], wall_time=line["time"])
            event.summary.CopyFrom(scalar(name, value))
            events.write_event(event)

    def _send_to_wandb(self, line: Line) -> None:
        """Send a line unless wandb has it: `step` is the next number that it takes."""
        if self.wandb is not None and self.num_lines >= self.wandb.step:
            values = {"step": line["step"], **numbers(line)}
            by_stage = {f"{line['stage']}/{k}": v for k, v in values.items()}
            self.wandb.log(by_stage, step=self.num_lines)
        self.num_lines += 1


def numbers(line: Line) -> dict[str, float]:
    """The values of a line, without its stage, step and time."""
    return {
        k: v
        for k, v in line.items()
        if k not in ("stage", "step", "time") and v is not None
    }


def read_metrics(workdir: Path) -> Iterator[Line]:
    """Read the lines of a run; a damaged line, or one cut short, is skipped."""
    path = workdir / FILE
    if not path.exists():
        return
    with path.open(errors="replace") as file:
        for text in file:
            try:
                line = json.loads(text)
            except (ValueError, RecursionError):
                continue
            if _is_line(line):
                yield {"time": 0.0, **line}


def _is_line(line: Any) -> bool:
    """True for a stage, a step, and otherwise numbers or null."""
    return (
        isinstance(line, dict)
        and isinstance(line.get("stage"), str)
        and type(line.get("step")) is int
        and 0 <= line["step"] < 2**62
        and all(
            value is None
            or type(value) is float
            or (type(value) is int and abs(value) < 2**62)
            for key, value in line.items()
            if key != "stage"
        )
        and line.get("time", 0.0) is not None
    )


def cut_back(workdir: Path, latest: Mapping[str, Position]) -> None:
    """Drop all lines after the latest checkpoint of each stage.

    A stage without a checkpoint loses all its lines.
    """

    def is_kept(line: Line) -> bool:
        position = latest.get(line["stage"])
        if position is None or line["step"] != position.step:
            return position is not None and line["step"] < position.step
        # A checkpoint that was written before its validation is validated again.
        return position.validated or "selection/source" not in line

    path = workdir / FILE
    if path.exists():
        lines = [line for line in read_metrics(workdir) if is_kept(line)]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        if text != path.read_text(errors="replace"):
            write_whole(path, text)


def write_best(workdir: Path) -> None:
    """Write `best.json`: by stage and domain, the validation with the best score.

    Of equal scores the latest wins.
    """
    best: dict[str, dict[str, Line]] = {}
    for line in read_metrics(workdir):
        by_domain = best.setdefault(line["stage"], {})
        for domain in DOMAINS:
            key = f"selection/{domain}"
            score = line.get(key)
            if score is not None and score >= by_domain.get(domain, line)[key]:
                by_domain[domain] = line
    values = {
        stage: {
            domain: {
                "step": line["step"],
                **{k: v for k, v in line.items() if k.startswith(f"val_{domain}_")},
            }
            for domain, line in by_domain.items()
        }
        for stage, by_domain in best.items()
        if by_domain
    }
    write_whole(workdir / "best.json", json.dumps(values, indent=2) + "\n")
