"""thresholds.json: the decision thresholds that `eval --calibrate` chose for a run."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from au_jax.runtime.files import write_whole
from au_jax.workdir.json_file import damaged, read_json

FILE = "thresholds.json"

NEVER = float(np.nextafter(np.float32(1), np.float32(2)))
"""The threshold that no probability reaches, not even 1."""


@dataclass(frozen=True)
class Thresholds:
    """The thresholds of a checkpoint, one per AU, chosen on a split of the target."""

    split: str
    """The split that chose them."""
    stage: str
    step: int
    path: str
    """The path that answered: "reconstructed" or "direct"."""
    values: tuple[float, ...]
    """One per AU, in the order of the config's AUs."""


def write(workdir: Path, thresholds: Thresholds, aus: Sequence[int]) -> Path:
    """Write the thresholds of a run under the names of their AUs."""
    by_au = dict(zip(map(_name, aus), thresholds.values, strict=True))
    content = {
        "split": thresholds.split,
        "stage": thresholds.stage,
        "step": thresholds.step,
        "path": thresholds.path,
        "thresholds": by_au,
    }
    write_whole(workdir / FILE, json.dumps(content, indent=2) + "\n")
    return workdir / FILE


def read(workdir: Path, aus: Sequence[int]) -> Thresholds | None:
    """Read the thresholds of a run; None if it was not calibrated.

    Raises:
        UserError: the file is damaged, or belongs to other AUs.
    """
    file = workdir / FILE
    if not file.is_file():
        return None
    remedy = f"delete {file}, and run au_jax.eval with --calibrate again"
    content = read_json(file, remedy)
    try:
        values = tuple(float(content["thresholds"][_name(au)]) for au in aus)
        found = Thresholds(
            split=content["split"],
            stage=content["stage"],
            step=content["step"],
            path=content["path"],
            values=values,
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        raise damaged(file, remedy) from None
    texts = (found.split, found.stage, found.path)
    if (
        not all(isinstance(text, str) and text.isprintable() for text in texts)
        or type(found.step) is not int
        or found.path not in ("reconstructed", "direct")
        or not all(map(is_threshold, values))
    ):
        raise damaged(file, remedy)
    return found


def is_threshold(value: float) -> bool:
    """Return whether a number is a threshold: from 0 to 1, or `NEVER`."""
    return 0 <= value <= 1 or value == NEVER


def between(below: float, above: float) -> float:
    """Return a threshold that `above` reaches and `below` does not, in float32.

    It is the middle of both, which float32 rounds to `below` if they are neighbours; it
    is `above` then.
    """
    middle = (above + below) / 2
    return middle if np.float32(middle) > np.float32(below) else above


def shown(value: float, digits: int, factor: int = 1) -> str:
    """Return a threshold, times a factor, for a table."""
    return "never" if value == NEVER else f"{factor * value:.{digits}f}"


def _name(au: int) -> str:
    return f"AU{au:02d}"
