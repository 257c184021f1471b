"""The table in the columns of OpenFace 2's FeatureExtraction, one file per input.

Its scripts read `frame` (from 1), `face_id`, `timestamp`, `confidence` (0..1),
`success` (0, 1), landmarks `x_0`.. in OpenFace's order of 68 points, `AUxx_r`
(intensity, 0..5) and `AUxx_c` (presence). Of the 68 points those that are not among our
49 (the contour and the inner corners of the mouth) are left out, so x_17 is the first.
`_r` is 5 times the probability: no intensities were trained.
"""

import csv
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from au_jax.faces.landmarks import FROM_68

_Row = dict[str, str]


def columns(aus: Sequence[int]) -> list[str]:
    """The names, in OpenFace's order."""
    return [
        *("frame", "face_id", "timestamp", "confidence", "success"),
        *(f"x_{i}" for i in FROM_68),
        *(f"y_{i}" for i in FROM_68),
        *(f"AU{au:02d}_r" for au in aus),
        *(f"AU{au:02d}_c" for au in aus),
    ]


def write(table: Path, folder: Path, aus: Sequence[int]) -> None:
    """One CSV file per input of the table, named like it; of any length."""
    folder.mkdir(exist_ok=True)
    used: set[str] = set()
    with table.open(newline="") as file:
        rows = csv.DictReader(file)
        for name, part in groupby(rows, key=lambda row: row["file"]):
            stem = _unused(Path(name).stem, used)
            target = folder / f"{stem}.csv"
            temporary = folder / f".{stem}.csv"
            with temporary.open("w", newline="") as out:
                writer = csv.writer(out, lineterminator="\n")
                writer.writerow(columns(aus))
                writer.writerows(_lines(part, aus))
            temporary.replace(target)


def _lines(part: Any, aus: Sequence[int]) -> Iterator[list[str]]:
    for row in part:
        seen = row["status"] in ("ok", "low_confidence")
        number = str(int(row["frame"]) + 1)
        start = [number, row["face_id"] or "0", row["timestamp"]]
        if not seen:  # OpenFace writes zeros for what it did not find
            yield [*start, "0", "0", *["0"] * (2 * len(FROM_68) + 2 * len(aus))]
            continue
        points = [row[f"{axis}_{i}"] or "0" for axis in "xy" for i in range(49)]
        intensity = [f"{5 * float(row[f'AU{au:02d}']):.4f}" for au in aus]
        presence = [row[f"AU{au:02d}_c"] for au in aus]
        yield [*start, _confidence(row), "1", *points, *intensity, *presence]


def _confidence(row: _Row) -> str:
    """dlib's score on OpenFace's scale of 0 to 1: .98 at a good face, as there."""
    return f"{1 / (1 + np.exp(-4 * float(row['confidence']))):.4f}"


def _unused(stem: str, used: set[str]) -> str:
    """The stem, with a number where another input has the same."""
    name, number = stem, 1
    while name in used:
        number += 1
        name = f"{stem}_{number}"
    used.add(name)
    return name
