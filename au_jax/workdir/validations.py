"""validations/STAGE/STEP.npz: a run's answers for the validation splits.

Whatever is asked about a finished run (another score to choose by, a curve, a reliable
threshold) can be computed from these files without the networks.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from au_jax.errors import UserError
from au_jax.workdir.array_file import read_arrays, write_arrays

FOLDER = "validations"


class Answers(NamedTuple):
    """The answers of a checkpoint for a split, beside the labels."""

    probabilities: dict[str, Float[np.ndarray, "n a"]]
    """By path."""
    aus: Float[np.ndarray, "n a"]
    known: Bool[np.ndarray, "n a"]


def write(workdir: Path, stage: str, step: int, answers: Mapping[str, Answers]) -> None:
    """Store the answers of a checkpoint by domain.

    Raises:
        UserError: the disk is full.
    """
    arrays = {}
    for domain, found in answers.items():
        for path, p in found.probabilities.items():
            arrays[f"{domain}/p/{path}"] = p.astype(np.float32)
        arrays[f"{domain}/aus"] = found.aus.astype(np.uint8)
        arrays[f"{domain}/known"] = found.known
    write_arrays(_path(workdir, stage, step), arrays)


def read(workdir: Path, stage: str, step: int) -> dict[str, Answers]:
    """Read the answers of a checkpoint by domain.

    Raises:
        UserError: there are none, or the file is damaged.
    """
    path = _path(workdir, stage, step)
    try:
        arrays = read_arrays(path, "copy the run again")
    except FileNotFoundError:
        raise UserError(
            f"{path} is missing: an older version of au_jax trained this run; train it"
            " again in another --workdir"
        ) from None
    domains = dict.fromkeys(name.partition("/")[0] for name in arrays)
    try:
        return {domain: _answers(arrays, domain) for domain in domains}
    except KeyError:
        raise UserError(f"{path} is damaged; copy the run again") from None


def steps(workdir: Path, stage: str) -> list[int]:
    """Return the steps of a stage with stored answers, in order."""
    names = (workdir / FOLDER / stage).glob("*.npz")
    return sorted(int(path.stem) for path in names if path.stem.isdigit())


def _path(workdir: Path, stage: str, step: int) -> Path:
    return workdir / FOLDER / stage / f"{step}.npz"


def _answers(arrays: Mapping[str, np.ndarray], domain: str) -> Answers:
    start = f"{domain}/p/"
    probabilities = {
        name.removeprefix(start): p.astype(np.float32)
        for name, p in arrays.items()
        if name.startswith(start)
    }
    aus = arrays[f"{domain}/aus"].astype(np.float32)
    return Answers(probabilities, aus, arrays[f"{domain}/known"])
