"""MP4 files whose edit list shows a part of them, as trimming without encoding does."""

import struct
from pathlib import Path

import cv2
import numpy as np


def write_grey(path: Path, frames: int, rate: float) -> Path:
    """Write a clip in which the brightness of a frame is its number."""
    code = cv2.VideoWriter.fourcc(*"mp4v")
    writer = cv2.VideoWriter(str(path), code, rate, (32, 32))
    for index in range(frames):
        writer.write(np.full((32, 32, 3), index, np.uint8))
    writer.release()
    return path


def trim(path: Path, start: float | None, seconds: float) -> None:
    """Change the edit list that FFmpeg wrote.

    Args:
        path: An MP4 file.
        start: Where the shown part begins, in seconds; None shows nothing so long.
        seconds: How long it is.
    """
    data = bytearray(path.read_bytes())
    movie, media, edits = (data.index(kind) for kind in (b"mvhd", b"mdhd", b"elst"))
    of_movie, of_media = (
        struct.unpack_from(">I", data, at + 16)[0] for at in (movie, media)
    )
    first = -1 if start is None else round(start * of_media)
    struct.pack_into(">Ii", data, edits + 12, round(seconds * of_movie), first)
    path.write_bytes(data)
