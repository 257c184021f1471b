"""The table of results: one row per face and frame."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from au_jax.faces.finder import Face
from au_jax.faces.landmarks import NUM_LANDMARKS
from au_jax.prediction.inputs import Frame

Status = Literal["ok", "low_confidence", "no_face", "decode_error"]

LOW = 0.2  # dlib's score below which half of what it finds is no face

_POINTS = range(NUM_LANDMARKS)


def columns(aus: Sequence[int]) -> list[str]:
    """The names of the columns, in order."""
    return [
        *("file", "frame", "timestamp", "face_id", "status"),
        *("face_x", "face_y", "face_w", "face_h", "confidence"),
        *(f"AU{au:02d}" for au in aus),
        *(f"AU{au:02d}_c" for au in aus),
        *(f"x_{i}" for i in _POINTS),
        *(f"y_{i}" for i in _POINTS),
    ]


def face_row(
    frame: Frame,
    number: int,
    face: Face,
    probabilities: Float[np.ndarray, "a"],
    decisions: Bool[np.ndarray, "a"],
) -> list[str]:
    """The row of a face; its AUs are given whatever the status."""
    left, top, right, bottom = face.box
    status: Status = "ok" if face.confidence >= LOW else "low_confidence"
    box = (left, top, right - left + 1, bottom - top + 1)
    points = np.where(np.isfinite(face.landmarks), face.landmarks, np.nan)
    return [
        *(frame.source.file, str(frame.index), f"{frame.timestamp:.4f}"),
        *(str(number), status),
        *map(str, box),
        f"{face.confidence:.4f}",
        *(f"{p:.6f}" for p in probabilities),
        *(str(int(c)) for c in decisions),
        *("" if np.isnan(v) else f"{v:.1f}" for v in (*points[:, 0], *points[:, 1])),
    ]


def empty_row(frame: Frame, aus: Sequence[int]) -> list[str]:
    """The row of a frame in which no face is found, or that cannot be decoded."""
    status: Status = "no_face" if frame.image is not None else "decode_error"
    told = [frame.source.file, str(frame.index), f"{frame.timestamp:.4f}", "", status]
    return told + [""] * (len(columns(aus)) - len(told))


def to_text(rows: Sequence[Sequence[str]]) -> bytes:
    """Rows as lines of a CSV file in UTF-8."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def write_parquet(table: Path, out: Path, aus: Sequence[int]) -> None:
    """The CSV table as Parquet, block by block: of any length in bounded memory."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv
    from pyarrow import parquet

    names = columns(aus)
    whole = {"frame", "face_id", *names[5:9], *(f"AU{au:02d}_c" for au in aus)}
    types = {n: pa.int32() if n in whole else pa.float32() for n in names}
    types |= {"file": pa.string(), "status": pa.string(), "timestamp": pa.float64()}
    options = arrow_csv.ConvertOptions(column_types=types, strings_can_be_null=False)
    temporary = out.with_name(f".{out.name}")
    with (
        arrow_csv.open_csv(table, convert_options=options) as blocks,
        parquet.ParquetWriter(temporary, blocks.schema) as writer,
    ):
        for block in blocks:
            writer.write_batch(block)
    temporary.replace(out)
