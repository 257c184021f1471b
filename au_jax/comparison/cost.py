"""What a run of a comparison cost: its steps, its seconds and its parameters."""

import math
from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np

from au_jax.comparison.plan import Run
from au_jax.stages import WITHOUT_AUS
from au_jax.types import Config
from au_jax.workdir.best_networks import network_shapes
from au_jax.workdir.metrics_log import read_metrics


def num_steps(run: Run) -> int:
    """Return the steps of a run and of those it starts from, but for stage 1."""
    start = run.start
    before = 0
    if start is not None and start.config.stages[-1] not in WITHOUT_AUS:
        before = num_steps(start)
    last = {line["stage"]: line["step"] for line in read_metrics(run.folder)}
    return before + sum(last.values())


def training_seconds(folder: Path) -> float:
    """Return the time of a run's steps, without compilation and validation.

    Steps whose speed was not measured count at that of the stage's other steps; NaN if
    a stage has none, as with a few steps in all.
    """
    speeds: dict[str, list[tuple[int, float]]] = {}
    last: dict[str, int] = {}
    for line in read_metrics(folder):
        stage = line["stage"]
        last[stage] = line["step"]
        of_stage = speeds.setdefault(stage, [])
        if speed := line.get("speed/steps_per_second"):
            of_stage.append((line["step"], speed))
    return sum(_seconds(speeds[stage], end) for stage, end in last.items())


def _seconds(speeds: Sequence[tuple[int, float]], end: int) -> float:
    """Return the time of steps 1 to `end`, of which some lines state the speed."""
    seconds, before = 0.0, 0
    for step, speed in speeds:
        seconds, before = seconds + (step - before) / speed, step
    return seconds * end / before if before else math.nan


def num_parameters(stage: str, config: Config) -> int:
    """Return the number of parameters of a stage's networks."""
    shapes = network_shapes(stage, config).params
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(shapes))
