"""Inputs: the pictures, videos and cameras of the command line, and their frames."""

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
_GUESSED = 2  # frames by which a count estimated from the duration may be off


@dataclasses.dataclass(frozen=True)
class Source:
    """An input: a picture, a video or a camera."""

    file: str
    """Its path, or the number of a camera."""
    kind: Literal["image", "video", "camera"]


@dataclasses.dataclass(frozen=True)
class Frame:
    """A frame of a video or camera, or the one frame of a picture."""

    source: Source
    index: int
    """Its number in the video, from 0; 0 for a picture."""
    timestamp: float
    """Seconds since the start of the video."""
    image: UInt8[np.ndarray, "_ _ 3"] | None
    """RGB; None if it cannot be decoded."""
    error: str = ""
    """Why it cannot be decoded."""


def expand(names: Sequence[str]) -> list[Source]:
    """List every picture and video once, in the order of the names.

    Args:
        names: Files, folders (searched at any depth), glob patterns, or the number of
            a camera.

    Raises:
        UserError: a name matches nothing, or a camera is not the only input.
    """
    sources: dict[str, Source] = {}
    for name in names:
        for source in _expand_one(name):
            sources.setdefault(source.file, source)
    cameras = [name for name, source in sources.items() if source.kind == "camera"]
    if cameras and len(sources) > 1:
        raise UserError(f"camera {cameras[0]} has no end; give it as the only input")
    return list(sources.values())


def _expand_one(name: str) -> list[Source]:
    path = Path(name)
    if path.is_file():
        return [Source(name, _kind(path) or "image")]
    if path.is_dir():
        inside = sorted(p for p in path.rglob("*") if _kind(p) and p.is_file())
        if not inside:
            raise UserError(f"{name}: the folder holds no pictures or videos")
        return [Source(str(p), _kind(p) or "image") for p in inside]
    if name.isdigit():
        return [Source(name, "camera")]
    if glob.has_magic(name):
        paths = (Path(p) for p in sorted(glob.glob(name, recursive=True)))
        files = [Source(str(p), _kind(p) or "image") for p in paths if p.is_file()]
        if not files:
            raise UserError(f"{name}: no file matches this pattern")
        return files
    raise UserError(f"{name}: there is no such file or folder")


def _kind(path: Path) -> Literal["image", "video"] | None:
    if path.suffix.lower() in _IMAGES.split():
        return "image"
    return "video" if is_video(path.name) else None


def read(source: Source, start: int = 0) -> Iterator[Frame]:
    """Yield the frames of an input from number `start` on.

    From 0 there is at least one: an input that cannot be decoded yields a frame without
    an image.
    """
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
