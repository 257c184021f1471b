"""What was named on the command line, as a list of pictures and videos, and frames."""

import dataclasses
import glob
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from jaxtyping import UInt8

from au_jax.errors import UserError
from au_jax.media.images import UnusableImage, read_image
from au_jax.raw.tree import is_video

_IMAGES = ".bmp .dib .jpe .jpeg .jpg .jp2 .pbm .pgm .png .pnm .ppm .tif .tiff .webp"
_GUESSED = 2  # frames: containers without a count estimate it from the duration


@dataclasses.dataclass(frozen=True)
class Source:
    """One input."""

    file: str
    """Its path as it was found, or the number of a camera."""
    kind: Literal["image", "video", "camera"]


@dataclasses.dataclass(frozen=True)
class Frame:
    """One picture of an input."""

    source: Source
    index: int
    """In the video, from 0; 0 for a picture."""
    timestamp: float
    """Seconds from the start of the video."""
    image: UInt8[np.ndarray, "_ _ 3"] | None
    """RGB; None where it cannot be decoded."""
    error: str = ""


def expand(names: Sequence[str]) -> list[Source]:
    """Every picture and video of files, folders (at any depth) and patterns, once.

    Raises:
        UserError: a name stands for nothing, or a camera is not the only input.
    """
    sources: dict[str, Source] = {}
    for name in names:
        for source in _expand_one(name):
            sources.setdefault(source.file, source)
    cameras = [name for name, source in sources.items() if source.kind == "camera"]
    if cameras and len(sources) > 1:
        raise UserError(f"camera {cameras[0]} has no end: give it as the only input")
    return list(sources.values())


def _expand_one(name: str) -> list[Source]:
    path = Path(name)
    if path.is_file():
        return [Source(name, _kind(path) or "image")]
    if path.is_dir():
        inside = sorted(p for p in path.rglob("*") if _kind(p) and p.is_file())
        if not inside:
            raise UserError(f"{name}: the folder holds no picture and no video")
        return [Source(str(p), _kind(p) or "image") for p in inside]
    if name.isdigit():
        return [Source(name, "camera")]
    if glob.has_magic(name):
        found = (Path(p) for p in sorted(glob.glob(name, recursive=True)))
        files = [Source(str(p), _kind(p) or "image") for p in found if p.is_file()]
        if not files:
            raise UserError(f"{name}: no file is named like that")
        return files
    raise UserError(f"{name}: there is no such file or folder")


def _kind(path: Path) -> Literal["image", "video"] | None:
    if path.suffix.lower() in _IMAGES.split():
        return "image"
    return "video" if is_video(path.name) else None


def read(source: Source, start: int = 0) -> Iterator[Frame]:
    """The frames of an input from frame `start` on; at least one where it is 0."""
    if source.kind != "image":
        yield from _read_video(source, start)
    elif start == 0:
        try:
            yield Frame(source, 0, 0.0, read_image(Path(source.file)))
        except UnusableImage as error:
            yield Frame(source, 0, 0.0, None, str(error))


def _read_video(source: Source, start: int) -> Iterator[Frame]:
    """Frames are counted, never sought: in many files seeking lands on a neighbour."""
    camera = source.kind == "camera"
    capture = cv2.VideoCapture(int(source.file) if camera else source.file)
    try:
        if not capture.isOpened():
            if camera:
                raise UserError(f"camera {source.file} cannot be opened")
            if start == 0:
                text = "not a video that OpenCV can decode"
                yield Frame(source, 0, 0.0, None, text)
            return
        rate, began = capture.get(cv2.CAP_PROP_FPS), time.monotonic()
        promised = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        index, stamp = 0, 0.0
        while capture.grab():
            told = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            if camera:
                told = time.monotonic() - began
            elif index and told <= stamp and rate > 0:  # the container does not tell
                told = index / rate
            stamp = max(stamp, told)
            if index >= start:
                decoded, image = capture.retrieve()
                if decoded:
                    image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
                    rgb = image.astype(np.uint8, copy=False)
                    yield Frame(source, index, stamp, rgb)
                else:
                    yield Frame(source, index, stamp, None, "frame cannot be decoded")
            index += 1
        cut = not camera and index < promised - _GUESSED
        if (cut or index == 0) and index >= start:
            text = f"the video ends after {index} of {promised:.0f} frames"
            yield Frame(source, index, stamp, None, text)
    finally:
        capture.release()
