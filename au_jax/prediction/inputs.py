"""Inputs: the pictures, videos and cameras of the command line, and their frames."""

import dataclasses
import glob
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import UInt8

from au_jax.errors import UserError
from au_jax.media.formats import is_picture, is_video
from au_jax.media.images import UnusableImage, read_image
from au_jax.media.videos import Video

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
    if is_picture(path):
        return "image"
    return "video" if is_video(path) else None


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
    camera = source.kind == "camera"
    try:
        video = Video(int(source.file) if camera else Path(source.file))
    except UnusableImage as error:
        if camera:
            raise UserError(f"camera {source.file} cannot be opened") from None
        if start == 0:
            yield Frame(source, 0, 0.0, None, error.detail)
        return
    try:
        began, stamp, rate = time.monotonic(), 0.0, video.rate
        while video.advance():
            index = video.next - 1
            stated = time.monotonic() - began if camera else video.seconds
            if index and stated <= stamp and rate > 0 and not camera:
                stated = index / rate  # the container states no time stamps
            stamp = max(stamp, stated)
            if index >= start:
                image = video.decode()
                error = "frame cannot be decoded" if image is None else ""
                yield Frame(source, index, stamp, image, error)
        count, stated = video.next, video.num_frames
        cut = not camera and count < stated - _GUESSED
        if (cut or count == 0) and count >= start:
            text = f"the video ends after {count} of {stated} frames"
            yield Frame(source, count, stamp, None, text)
    finally:
        video.close()
