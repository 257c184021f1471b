"""intensities.json: what a run's answers mean as intensities (`eval --intensity`)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from au_jax.runtime.files import write_whole
from au_jax.workdir.json_file import damaged, read_json

FILE = "intensities.json"
STRONGEST = 5.0
"""The intensity of an AU of full strength: E of FACS, where A is 1."""


@dataclass(frozen=True)
class Intensities:
    """The usual intensity at some probabilities of a checkpoint, for each AU."""

    data_set: str
    split: str
    """The split that was used."""
    stage: str
    step: int
    path: str
    """The path that answered: "reconstructed" or "direct"."""
    probabilities: tuple[float, ...]
    """Those at which intensities are stated, in rising order."""
    values: tuple[tuple[float, ...] | None, ...]
    """0..5, for each AU and probability; None where the split states no intensity."""


def write(workdir: Path, found: Intensities, aus: Sequence[int]) -> Path:
    """Write the intensities of a run under the names of their AUs."""
    content = {
        "data_set": found.data_set,
        "split": found.split,
        "stage": found.stage,
        "step": found.step,
        "path": found.path,
        "probabilities": found.probabilities,
        "intensities": dict(zip(map(_name, aus), found.values, strict=True)),
    }
    write_whole(workdir / FILE, json.dumps(content, indent=2) + "\n")
    return workdir / FILE


def read(workdir: Path, aus: Sequence[int]) -> Intensities | None:
    """Read the intensities of a run; None if it has none.

    Raises:
        UserError: the file is damaged, or belongs to other AUs.
    """
    file = workdir / FILE
    if not file.is_file():
        return None
    remedy = f"delete {file}, and run au_jax.eval with --intensity again"
    content = read_json(file, remedy)
    try:
        by_au = [content["intensities"][_name(au)] for au in aus]
        return Intensities(
            data_set=str(content["data_set"]),
            split=str(content["split"]),
            stage=str(content["stage"]),
            step=int(content["step"]),
            path=str(content["path"]),
            probabilities=tuple(map(float, content["probabilities"])),
            values=tuple(v if v is None else tuple(map(float, v)) for v in by_au),
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        raise damaged(file, remedy) from None


def _name(au: int) -> str:
    return f"AU{au:02d}"
