"""Annotated pictures and videos, made of the table and the inputs.

A pass of its own over what is complete: an interrupted run loses no half-written video.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from au_jax.errors import UserError
from au_jax.faces.landmarks import NUM_LANDMARKS
from au_jax.prediction.inputs import Source, read
from au_jax.prediction.names import colour, in_words

Row = dict[str, str]
Image = UInt8[np.ndarray, "_ _ 3"]

_PANEL = 300  # pixels beside the picture
_LINE = 22
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_DARK, _RAIL = (30, 30, 30), (225, 225, 225)


def tables(path: Path) -> Iterator[tuple[str, Iterator[tuple[int, list[Row]]]]]:
    """Each input of the table with its frames and their rows; each read in order."""
    with path.open(newline="") as file:
        for name, part in groupby(csv.DictReader(file), key=lambda row: row["file"]):
            frames = groupby(part, key=lambda row: int(row["frame"]))
            yield name, ((index, list(rows)) for index, rows in frames)


def write(
    table: Path,
    folder: Path,
    sources: Sequence[Source],
    aus: Sequence[int],
    pause: Callable[[], None],
) -> None:
    """Writes `folder/0000_NAME.jpg` or `.mp4` for each input, but for cameras."""
    folder.mkdir(exist_ok=True)
    kinds = {source.file: source for source in sources}
    for number, (name, frames) in enumerate(tables(table)):
        source = kinds[name]
        stem = f"{number:04d}_{Path(name).stem}"
        pictures = _annotated(source, frames, aus, pause)
        if source.kind == "image":
            for picture in pictures:
                data = cv2.imencode(".jpg", picture[..., ::-1])[1]
                (folder / f"{stem}.jpg").write_bytes(data.tobytes())
        elif source.kind == "video" and not (folder / f"{stem}.mp4").exists():
            _write_video(folder, stem, source, pictures)


def _annotated(
    source: Source,
    frames: Iterator[tuple[int, list[Row]]],
    aus: Sequence[int],
    pause: Callable[[], None],
) -> Iterator[Image]:
    for frame, (index, rows) in zip(read(source), frames, strict=False):
        pause()
        assert frame.index == index
        if frame.image is not None:
            yield annotate(frame.image, rows, aus)


def _write_video(
    folder: Path, stem: str, source: Source, pictures: Iterator[Image]
) -> None:
    """MPEG-4 at the rate of the input."""
    rate = cv2.VideoCapture(source.file).get(cv2.CAP_PROP_FPS)
    temporary, writer = folder / f".{stem}.mp4", None
    for picture in pictures:
        if writer is None:
            size = picture.shape[1::-1]
            code = cv2.VideoWriter.fourcc(*"mp4v")
            writer = cv2.VideoWriter(str(temporary), code, rate or 25, size)
            if not writer.isOpened():
                raise UserError(f"{temporary} cannot be written by this OpenCV")
        writer.write(np.ascontiguousarray(picture[..., ::-1]))
    if writer is not None:
        writer.release()
        temporary.replace(folder / f"{stem}.mp4")


def annotate(image: Image, rows: Sequence[Row], aus: Sequence[int]) -> Image:
    """Boxes and landmarks in the picture, and a panel of AU bars at its right."""
    height = max(len(image), min(900, 40 + len(rows) * _LINE * (len(aus) + 2)))
    height += height % 2  # codecs want even sides
    width = image.shape[1] + image.shape[1] % 2
    canvas = np.full((height, width + _PANEL, 3), 255, np.uint8)
    canvas[: len(image), : image.shape[1]] = image
    y = _LINE
    for row in rows:
        if not row["face_id"]:
            _text(canvas, row["status"].replace("_", " "), (width + 10, y), _DARK)
            continue
        number = int(row["face_id"])
        _draw_face(canvas, row, colour(number))
        title = f"face {number}"
        if row["status"] != "ok":
            title += f" ({row['status'].replace('_', ' ')})"
        _text(canvas, title, (width + 10, y), colour(number))
        for au in aus:
            y += _LINE
            _bar(canvas, row, au, width + 10, y, colour(number))
        y += 2 * _LINE
    return canvas


def _draw_face(canvas: Image, row: Row, ink: tuple[int, int, int]) -> None:
    x, y, w, h = (int(row[f"face_{side}"]) for side in "xywh")
    thick = max(1, round(w / 150))
    cv2.rectangle(canvas, (x, y), (x + w, y + h), ink, thick, cv2.LINE_AA)
    _text(canvas, row["face_id"], (x + 4, y + 18), ink)
    for i in range(NUM_LANDMARKS):
        if row[f"x_{i}"]:
            at = round(float(row[f"x_{i}"])), round(float(row[f"y_{i}"]))
            cv2.circle(canvas, at, thick + 1, (255, 255, 255), -1, cv2.LINE_AA)
            cv2.circle(canvas, at, thick, ink, -1, cv2.LINE_AA)


def _bar(
    canvas: Image, row: Row, au: int, x: int, y: int, ink: tuple[int, int, int]
) -> None:
    """A name, and a bar of the probability: full colour where the AU is active."""
    value, active = float(row[f"AU{au:02d}"]), row[f"AU{au:02d}_c"] == "1"
    _text(canvas, in_words(au), (x, y), _DARK)
    left, right = x + 205, x + _PANEL - 20
    cv2.rectangle(canvas, (left, y - 11), (right, y), _RAIL, -1)
    end = left + round(value * (right - left))
    cv2.rectangle(canvas, (left, y - 11), (end, y), ink, -1 if active else 1)


def _text(
    canvas: Image, text: str, at: tuple[int, int], ink: tuple[int, int, int]
) -> None:
    cv2.putText(canvas, text, at, _FONT, 0.45, ink, 1, cv2.LINE_AA)
