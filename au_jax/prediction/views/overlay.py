"""Write annotated pictures and videos from the table and the inputs.

This is a second pass, after the table is complete. So an interruption of the first pass
cannot leave a half-written video.
"""

import contextlib
import csv
import hashlib
import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from au_jax.errors import UserError
from au_jax.faces.landmarks import NUM_LANDMARKS
from au_jax.media.images import UnusableImage
from au_jax.media.names import stem
from au_jax.media.videos import Video
from au_jax.prediction.inputs import MADE_FROM, Source, read
from au_jax.prediction.views.au_names import colour, in_words
from au_jax.runtime.files import plain_path, replacing, write_whole

LOG = logging.getLogger(__name__)

Row = dict[str, str]
Image = UInt8[np.ndarray, "_ _ 3"]

# Sizes in pixels; they grow with pictures of more than 720 lines.
_PANEL = 340  # width of a column of bars beside the picture
_LINE = 22  # height of a line of text
_LONGEST = 4096  # side of an annotated picture; it bounds the memory
_WIDEST = 8190  # side of an MPEG-4 video
_COLUMNS = 8  # at most; further faces have only a box and a number
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_DARK, _RAIL, _WHITE = (30, 30, 30), (225, 225, 225), (255, 255, 255)


def tables(path: Path) -> Iterator[tuple[str, Iterator[tuple[int, list[Row]]]]]:
    """Yield each input of the table with its frames and their rows, in order."""
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
    """Write `folder/0000_NAME.jpg` or `.mp4` for each input except cameras.

    A video of an earlier run stays if it was made from the same table.
    """
    folder.mkdir(exist_ok=True)
    with table.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    made_from = folder / MADE_FROM
    if not made_from.is_file() or made_from.read_text() != digest:
        remove(table, folder)
        folder.mkdir(exist_ok=True)
        write_whole(made_from, digest)
    kinds = {source.name: source for source in sources}
    most = {
        name: max(len(rows) for _, rows in frames) for name, frames in tables(table)
    }
    for number, (name, frames) in enumerate(tables(table)):
        source = kinds[name]
        path = folder / _file(number, name)
        pictures = _annotated(source, frames, aus, most[name], pause)
        try:
            if source.kind == "image":
                for picture in pictures:
                    data = cv2.imencode(".jpg", picture[..., ::-1])[1]
                    write_whole(path.with_name(f"{path.name}.jpg"), data.tobytes())
            elif source.kind == "video":
                _write_video(path.with_name(f"{path.name}.mp4"), source, pictures)
        except cv2.error as error:  # one input does not cost the others
            LOG.warning("no overlay of %s: OpenCV: %s", name, error.err)


def remove(table: Path, folder: Path) -> None:
    """Remove what `write` made of a table of the same inputs; the folder, if empty.

    Other files stay. Without the mark of a table, pictures stay, too: `write` replaces
    them.
    """
    kinds = ("jpg", "mp4") if (folder / MADE_FROM).is_file() else ("mp4",)
    for number, (name, _) in enumerate(tables(table)):
        for kind in kinds:
            (folder / f"{_file(number, name)}.{kind}").unlink(missing_ok=True)
    (folder / MADE_FROM).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # somebody else's files are in it
        folder.rmdir()


def _file(number: int, name: str) -> str:
    """Return the name of an input's annotated file, without its suffix."""
    return f"{number:04d}_{stem(name)}"


def _annotated(
    source: Source,
    frames: Iterator[tuple[int, list[Row]]],
    aus: Sequence[int],
    most: int,
    pause: Callable[[], None],
) -> Iterator[Image]:
    """Yield annotated frames, all of one size, as a video needs them."""
    for frame, (index, rows) in zip(read(source), frames, strict=False):
        pause()
        assert frame.index == index
        if frame.image is not None:
            yield annotate(*_reduced(frame.image, rows), aus, most)


def _reduced(image: Image, rows: list[Row]) -> tuple[Image, list[Row]]:
    """Shrink a picture of more than `_LONGEST` pixels a side, and its coordinates."""
    scale = _LONGEST / max(image.shape[:2])
    if scale >= 1:
        return image, rows
    size = [max(1, round(n * scale)) for n in image.shape[1::-1]]
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    moved = [f"face_{side}" for side in "xywh"]
    points = [f"{axis}_{i}" for axis in "xy" for i in range(NUM_LANDMARKS)]
    scaled = []
    for row in rows:
        boxes = {k: str(round(int(row[k]) * scale)) for k in moved if row[k]}
        places = {k: str(float(row[k]) * scale) for k in points if row[k]}
        scaled.append(row | boxes | places)
    return small, scaled


def _write_video(path: Path, source: Source, pictures: Iterator[Image]) -> None:
    """Write an MPEG-4 video at the frame rate of the input, unless it exists."""
    if path.exists():
        return
    pictures = map(_encodable, pictures)
    first = next(pictures, None)
    if first is None:
        return
    video = Video(Path(source.file))
    rate = writable_rate(video.rate)
    video.close()
    code = cv2.VideoWriter.fourcc(*"mp4v")
    count = 0
    with replacing(path) as part, plain_path(part) as plain:
        size = first.shape[1::-1]
        # With the protocol, nobody takes the name for a URL or a pattern.
        name = f"file:{plain}"
        writer = cv2.VideoWriter(name, cv2.CAP_FFMPEG, code, rate, size)
        if not writer.isOpened():
            raise UserError(f"cannot write {path}: this OpenCV, or the disk, refuses")
        for picture in itertools.chain([first], pictures):
            writer.write(np.ascontiguousarray(picture[..., ::-1]))
            count += 1
        writer.release()
        _check_video(part, path, count)


def _encodable(picture: Image) -> Image:
    """Shrink a picture of more pixels a side than a video may have."""
    if (scale := _WIDEST / max(picture.shape[:2])) >= 1:
        return picture
    size = [2 * round(n * scale / 2) for n in picture.shape[1::-1]]
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _check_video(part: Path, path: Path, count: int) -> None:
    """Raise a `UserError` unless a file holds so many frames: OpenCV tells no error."""
    written = 0
    with contextlib.suppress(UnusableImage):
        video = Video(part)
        written = video.num_frames
        video.close()
    if written < count:
        raise UserError(
            f"cannot write {path}: incomplete; the disk may be full. Make room, then"
            " run the same command again"
        )


def writable_rate(rate: float) -> float:
    """Return the nearest frame rate that MPEG-4 can state, in frames per second."""
    if not 0 < rate < float("inf"):
        return 25.0
    rate = min(max(rate, 0.01), 1000.0)
    # OpenCV states it as a fraction of a power of ten; MPEG-4 has 16 bits for it.
    for digits in (3, 2):
        if round(rate, digits) * 10**digits < 1 << 16:
            return round(rate, digits)
    return round(rate, 1)


def annotate(
    image: Image, rows: Sequence[Row], aus: Sequence[int], most: int = 0
) -> Image:
    """Draw boxes and landmarks into a picture, and a panel of AU bars to its right.

    Args:
        image: RGB.
        rows: The rows of its faces, or the one row that says why there is none.
        aus: The numbers of the AUs.
        most: The result has room for at least so many faces.
    """
    unit = max(1.0, len(image) / 720)  # large pictures are shown at a smaller scale
    line, panel = round(_LINE * unit), round(_PANEL * unit)
    block = line * (len(aus) + 2)
    faces = max(most, len(rows), 1)
    height = max(len(image), min(round(900 * unit), faces * block), block)
    height += height % 2  # video codecs need even sides
    each = height // block
    columns = min(-(-faces // each), _COLUMNS)
    width = image.shape[1] + image.shape[1] % 2
    canvas = np.full((height, width + columns * panel, 3), 255, np.uint8)
    canvas[: len(image), : image.shape[1]] = image
    for row in rows:
        if row["face_id"]:
            _draw_face(canvas[:, :width], row, unit)
    for place, row in enumerate(rows[: columns * each]):
        x = width + place // each * panel + round(10 * unit)
        _draw_bars(canvas, row, aus, (x, place % each * block + line), unit)
    return canvas


def _draw_face(picture: Image, row: Row, unit: float) -> None:
    """Draw lines with a white outline, visible on dark and on light pictures."""
    x, y, w, h = (int(row[f"face_{side}"]) for side in "xywh")
    ink, thick = colour(int(row["face_id"])), max(1, round(w / 150))
    for tone, width in ((_WHITE, thick + 3), (ink, thick + 1)):
        cv2.rectangle(picture, (x, y), (x + w, y + h), tone, width, cv2.LINE_AA)
    for i in range(NUM_LANDMARKS):
        if row[f"x_{i}"]:
            at = round(float(row[f"x_{i}"])), round(float(row[f"y_{i}"]))
            cv2.circle(picture, at, thick + 1, _WHITE, -1, cv2.LINE_AA)
            cv2.circle(picture, at, thick, ink, -1, cv2.LINE_AA)
    side = round(18 * unit)
    left, top = max(0, x), max(0, y)  # a face may begin outside the picture
    wide = side * (1 + len(row["face_id"])) // 2
    cv2.rectangle(picture, (left, top), (left + wide, top + side), ink, -1)
    at = (left + side // 4, top + round(14 * unit))
    _text(picture, row["face_id"], at, _WHITE, unit)


def _draw_bars(
    canvas: Image, row: Row, aus: Sequence[int], at: tuple[int, int], unit: float
) -> None:
    """Draw a title and a bar per AU, or only the status if there is no face."""
    x, y = at
    status = row["status"].replace("_", " ")
    if not row["face_id"]:
        return _text(canvas, status, at, _DARK, unit)
    ink = colour(int(row["face_id"]))
    title = f"face {row['face_id']}" + (f" ({status})" if status != "ok" else "")
    _text(canvas, title, at, ink, unit)
    for au in aus:
        y += round(_LINE * unit)
        _bar(canvas, row, au, (x, y), ink, unit)


def _bar(
    canvas: Image,
    row: Row,
    au: int,
    at: tuple[int, int],
    ink: tuple[int, int, int],
    unit: float,
) -> None:
    """Draw a name and a bar of the probability, filled if the AU is active."""
    x, y = at
    value, active = float(row[f"AU{au:02d}"]), row[f"AU{au:02d}_c"] == "1"
    _text(canvas, in_words(au), at, _DARK, unit)
    left, right, top = (
        x + round(205 * unit),
        x + round(280 * unit),
        y - round(11 * unit),
    )
    cv2.rectangle(canvas, (left, top), (right, y), _RAIL, -1)
    end = left + round(value * (right - left))
    cv2.rectangle(canvas, (left, top), (end, y), ink, -1 if active else round(unit))
    _text(canvas, f"{value:.2f}", (right + round(8 * unit), y), _DARK, unit)


def _text(
    canvas: Image,
    text: str,
    at: tuple[int, int],
    ink: tuple[int, int, int],
    unit: float,
) -> None:
    thick = max(1, round(unit))
    cv2.putText(canvas, text, at, _FONT, 0.45 * unit, ink, thick, cv2.LINE_AA)
