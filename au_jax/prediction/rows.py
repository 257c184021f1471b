"""The table of results, aus.csv: one row for each face of each frame.

A frame without a face has one row as well. The same table can be written as Parquet
and in OpenFace's columns.
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from au_jax.errors import UserError
from au_jax.faces.finder import Face
from au_jax.faces.landmarks import NUM_LANDMARKS
from au_jax.faces.pose import ANGLES, head_pose
from au_jax.prediction import openface
from au_jax.prediction.inputs import Frame
from au_jax.runtime.files import replacing

TABLE = "aus.csv"
FORMATS = ("csv", "parquet", "openface")
PARQUET, OPENFACE = "aus.parquet", "openface"
"""The file, and the folder, of the other two formats."""

Status = Literal["ok", "low_confidence", "no_face", "decode_error"]

LOW_CONFIDENCE = 0.2
"""dlib's score below which half of its detections are not faces."""

_FRAME_COLUMNS = ("file", "frame", "timestamp", "face_id", "status")
_POINTS = range(NUM_LANDMARKS)


def columns(aus: Sequence[int]) -> list[str]:
    """Return the names of the columns, in order."""
    return [
        *_FRAME_COLUMNS,
        *("face_x", "face_y", "face_w", "face_h", "confidence"),
        *(f"AU{au:02d}" for au in aus),
        *(f"AU{au:02d}_c" for au in aus),
        *(f"AU{au:02d}_r" for au in aus),
        *(f"pose_{angle}" for angle in ANGLES),
        *(f"x_{i}" for i in _POINTS),
        *(f"y_{i}" for i in _POINTS),
    ]


def face_row(
    frame: Frame,
    number: int,
    face: Face,
    probabilities: Float[np.ndarray, "a"],
    decisions: Bool[np.ndarray, "a"],
    intensities: Float[np.ndarray, "a"],
) -> list[str]:
    """Return the row of a face.

    Args:
        frame: The frame that the face is in.
        number: The number of the face, which stays the same throughout a video.
        face: Its box, score and landmarks.
        probabilities: Of its AUs, written even if the confidence is low.
        decisions: Whether each AU is active.
        intensities: 0..5; NaN where the model does not know.
    """
    left, top, right, bottom = face.box
    status: Status = "ok" if face.confidence >= LOW_CONFIDENCE else "low_confidence"
    box = (left, top, right - left + 1, bottom - top + 1)
    points = np.where(np.isfinite(face.landmarks), face.landmarks, np.nan)
    angles = head_pose(points[None])[0]
    return [
        *(frame.source.name, str(frame.index), f"{frame.timestamp:.4f}"),
        *(str(number), status),
        *map(str, box),
        f"{face.confidence:.4f}",
        *(f"{p:.6f}" for p in probabilities),
        *(str(int(c)) for c in decisions),
        *("" if np.isnan(r) else f"{r:.3f}" for r in intensities),
        *(f"{angle:.2f}" if np.isfinite(angle) else "" for angle in angles),
        *("" if np.isnan(v) else f"{v:.1f}" for v in (*points[:, 0], *points[:, 1])),
    ]


def empty_row(frame: Frame, aus: Sequence[int]) -> list[str]:
    """Return the row of a frame without a face, or that cannot be decoded."""
    status: Status = "no_face" if frame.image is not None else "decode_error"
    row = [frame.source.name, str(frame.index), f"{frame.timestamp:.4f}", "", status]
    return row + [""] * (len(columns(aus)) - len(row))


def status_of(row: Sequence[str]) -> str:
    """Return the `Status` of a row."""
    return row[_FRAME_COLUMNS.index("status")]


def to_text(rows: Sequence[Sequence[str]]) -> bytes:
    """Encode rows as lines of a CSV file in UTF-8."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def check_formats(names: Sequence[str]) -> frozenset[str]:
    """Return the names of `--format` as a set; raise a `UserError` for an unknown one.

    aus.csv is written in any case.
    """
    for name in names:
        if name not in FORMATS:
            raise UserError(f"--format={name}: give some of {', '.join(FORMATS)}")
    return frozenset(names)


def write_formats(
    table: Path, out: Path, aus: Sequence[int], formats: frozenset[str]
) -> None:
    """Convert a finished table to the other wanted formats, in the folder `out`."""
    if "parquet" in formats:
        write_parquet(table, out / PARQUET, aus)
    if "openface" in formats:
        openface.write(table, out / OPENFACE, aus)


def write_parquet(table: Path, out: Path, aus: Sequence[int]) -> None:
    """Convert the CSV table to Parquet, block by block in bounded memory."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv
    from pyarrow import parquet

    names = columns(aus)
    integers = {"frame", "face_id", *(f"face_{side}" for side in "xywh")}
    integers |= {f"AU{au:02d}_c" for au in aus}
    types = {n: pa.int32() if n in integers else pa.float32() for n in names}
    types |= {"file": pa.string(), "status": pa.string(), "timestamp": pa.float64()}
    options = arrow_csv.ConvertOptions(column_types=types, strings_can_be_null=False)
    with (
        replacing(out) as part,
        # Opened here, because PyArrow refuses names that are no UTF-8.
        table.open("rb") as old,
        part.open("wb") as new,
        arrow_csv.open_csv(old, convert_options=options) as blocks,
        parquet.ParquetWriter(new, blocks.schema) as writer,
    ):
        for block in blocks:
            writer.write_batch(block)
