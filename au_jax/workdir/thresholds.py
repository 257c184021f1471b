"""thresholds.json: what `eval --calibrate` leaves in a run for `eval` and `export`."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from au_jax.runtime.files import write_whole

FILE = "thresholds.json"


@dataclass(frozen=True)
class Thresholds:
    """The thresholds of a checkpoint, chosen on a split of the target."""

    split: str
    stage: str
    step: int
    path: str
    """Of the AUs: "reconstructed" or "direct"."""
    values: tuple[float, ...]
    """In the order of the config's AUs."""


def write(workdir: Path, found: Thresholds, aus: Sequence[int]) -> Path:
    """Leaves them in the run; the file names the AUs."""
    named = {f"AU{au:02d}": t for au, t in zip(aus, found.values, strict=True)}
    told = {
        "split": found.split,
        "stage": found.stage,
        "step": found.step,
        "path": found.path,
        "thresholds": named,
    }
    write_whole(workdir / FILE, json.dumps(told, indent=2) + "\n")
    return workdir / FILE


def read(workdir: Path, aus: Sequence[int]) -> Thresholds | None:
    """Those of the run; None where it was not calibrated."""
    file = workdir / FILE
    if not file.is_file():
        return None
    told = json.loads(file.read_text())
    values = tuple(float(told["thresholds"][f"AU{au:02d}"]) for au in aus)
    return Thresholds(told["split"], told["stage"], told["step"], told["path"], values)
