"""The table in the columns of OpenFace 2's FeatureExtraction, one file per input.

The columns are `frame` (from 1), `face_id`, `timestamp`, `confidence` (0..1), `success`
(0 or 1), the pose of the head `pose_Rx`, `pose_Ry`, `pose_Rz` (radians; OpenFace also
has its place, for which one must know the camera), the landmarks `x_0`.. and `y_0`.. in
OpenFace's order of 68 points, `AUxx_r` (intensity, 0..5) and `AUxx_c` (presence). We
have 49 of the 68 points: the contour and the inner corners of the mouth are left out,
so `x_17` comes first. Where a model knows no intensities, `AUxx_r` is 5 times the
probability.
"""

import contextlib
import csv
import math
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from au_jax.faces.landmarks import FROM_68
from au_jax.faces.pose import ANGLES
from au_jax.media.names import stem
from au_jax.runtime.files import replacing

_Row = dict[str, str]
_ANGLES = tuple(f"pose_{angle}" for angle in ANGLES)


def columns(aus: Sequence[int]) -> list[str]:
    """Return the names of the columns, in OpenFace's order."""
    return [
        *("frame", "face_id", "timestamp", "confidence", "success"),
        *("pose_Rx", "pose_Ry", "pose_Rz"),
        *(f"x_{i}" for i in FROM_68),
        *(f"y_{i}" for i in FROM_68),
        *(f"AU{au:02d}_r" for au in aus),
        *(f"AU{au:02d}_c" for au in aus),
    ]


def write(table: Path, folder: Path, aus: Sequence[int]) -> None:
    """Write one CSV file for each input of the table, named after the input.

    Rows are streamed, so a table may be of any length.
    """
    folder.mkdir(exist_ok=True)
    for name, rows_of_input in _files(table):
        with replacing(folder / name) as part, part.open("w", newline="") as out:
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow(columns(aus))
            writer.writerows(_lines(rows_of_input, aus))


def remove(table: Path, folder: Path) -> None:
    """Remove the files that `write` made of a table of the same inputs."""
    for name, _ in _files(table):
        (folder / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # somebody else's files are in it
        folder.rmdir()


def _files(table: Path) -> Iterator[tuple[str, Iterator[_Row]]]:
    """Yield the name of each input's file, and its rows."""
    used: set[str] = set()
    # Read beforehand: a number must not make the name of another input ("a_2").
    with table.open(newline="") as file:
        own = {stem(row["file"]) for row in csv.DictReader(file)}
    with table.open(newline="") as file:
        rows = csv.DictReader(file)
        for name, rows_of_input in groupby(rows, key=lambda row: row["file"]):
            yield f"{_unused(stem(name), used, own)}.csv", rows_of_input


def _lines(part: Any, aus: Sequence[int]) -> Iterator[list[str]]:
    for row in part:
        detected = row["status"] in ("ok", "low_confidence")
        number = str(int(row["frame"]) + 1)
        start = [number, row["face_id"] or "0", row["timestamp"]]
        if not detected:  # OpenFace writes zeros for a face that it does not find
            yield [*start, *["0"] * (len(columns(aus)) - len(start))]
            continue
        points = [row[f"{axis}_{i}"] or "0" for axis in "xy" for i in range(49)]
        intensity = [_intensity(row, f"AU{au:02d}") for au in aus]
        presence = [row[f"AU{au:02d}_c"] for au in aus]
        angles = [f"{math.radians(float(row[name] or 0)):.4f}" for name in _ANGLES]
        found = [*start, _confidence(row), "1"]
        yield [*found, *angles, *points, *intensity, *presence]


def _intensity(row: _Row, au: str) -> str:
    return f"{float(row[f'{au}_r'] or 5 * float(row[au])):.4f}"


def _confidence(row: _Row) -> str:
    """Map dlib's score to OpenFace's 0..1; both call a good face .98."""
    return f"{1 / (1 + np.exp(-4 * float(row['confidence']))):.4f}"


def _unused(start: str, used: set[str], own: set[str]) -> str:
    """Return the name, numbered if an earlier input has it; `own` stay unnumbered."""
    name, number = start, 1
    while name in used or (number > 1 and name in own):
        number += 1
        name = f"{start}_{number}"
    used.add(name)
    return name
