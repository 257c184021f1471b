"""Inputs: the pictures, videos and cameras of the command line, and their frames."""

import dataclasses
import glob
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import UInt8

from au_jax.errors import UserError
from au_jax.media.edit_list import shown_seconds
from au_jax.media.formats import is_picture, is_video
from au_jax.media.images import UnusableImage, read_image
from au_jax.media.matroska import is_whole_with_sound
from au_jax.media.names import shown
from au_jax.media.videos import Video

OVERLAY = "overlay"
"""The folder of annotated pictures and videos in the folder of the results."""
MADE_FROM = ".table.sha256"
"""The file that marks such a folder; it says from which table they were made."""

_MAX_CAMERA = 999
_BUT_ANNOTATED = ", but annotated ones of another run; name their folder to read them"
_MOST_KINDS = 5  # of files that are left out, in the line about them
_GUESSED = 2  # frames by which a count estimated from the duration may be off


@dataclasses.dataclass(frozen=True)
class Source:
    """An input: a picture, a video or a camera."""

    file: str
    """Its path, or the number of a camera."""
    kind: Literal["image", "video", "camera"]

    @property
    def name(self) -> str:
        """The path as tables and pages show it."""
        return shown(self.file)


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


@dataclasses.dataclass
class LeftOut:
    """What a search of folders leaves out."""

    overlays: set[str] = dataclasses.field(default_factory=set)
    """Folders of annotated pictures."""
    others: set[Path] = dataclasses.field(default_factory=set)
    """Files that are neither pictures nor videos."""

    def lines(self) -> list[str]:
        """Return a line about each of the two, if there are any."""
        said = []
        if self.overlays:
            first, more = min(self.overlays), len(self.overlays) - 1
            said.append(
                f"left out {shown(first)}{f' and {more} more' if more else ''}:"
                " annotated pictures of another run"
            )
        if count := len(self.others):
            files = "1 file that is" if count == 1 else f"{count} files that are"
            of_kind = Counter(file.suffix.lower() or file.name for file in self.others)
            most = sorted(of_kind, key=lambda kind: (-of_kind[kind], kind))
            kinds = [shown(kind) for kind in most[:_MOST_KINDS]]
            more = ", ..." if len(most) > _MOST_KINDS else ""
            said.append(
                f"left out {files} neither pictures nor videos:"
                f" {', '.join(kinds)}{more}"
            )
        return said


def expand(
    names: Sequence[str], out: Path | None = None, left_out: LeftOut | None = None
) -> list[Source]:
    """List every picture and video once, in the order of the names.

    Args:
        names: Files, folders (searched at any depth), glob patterns, or the number of
            a camera.
        out: The folder of the results, whose overlays are not searched for. Overlays
            of other runs are read only if they are named themselves.
        left_out: Is told what is left out.

    Raises:
        UserError: a name matches nothing, or a camera is not the only input.
    """
    sources: dict[tuple[bool, str], Source] = {}
    for name in names:
        here = LeftOut()  # of this name alone, for the line if nothing else matches
        expanded = _expand_one(name, out, here)
        if left_out is not None:
            left_out.overlays |= here.overlays
            left_out.others |= here.others
        for source in expanded:
            camera = source.kind == "camera"
            place = source.file if camera else os.path.abspath(source.file)
            sources.setdefault((camera, place), source)
    cameras = [name for (camera, name) in sources if camera]
    if cameras and len(sources) > 1:
        raise UserError(f"camera {cameras[0]} has no end; give it as the only input")
    return list(sources.values())


def _expand_one(name: str, out: Path | None, left_out: LeftOut) -> list[Source]:
    if not name:
        raise UserError("an input is empty; name a file, or . for this folder")
    if os.path.isfile(name):  # unlike Path.is_file, False for impossible names
        return [Source(name, _kind(Path(name)) or "image")]
    if os.path.isdir(name):
        inside = _inside(Path(name), out, left_out)
        if not inside:
            but = _BUT_ANNOTATED if left_out.overlays else ""
            raise UserError(f"{name}: the folder holds no pictures or videos{but}")
        return inside
    if name.isascii() and name.isdecimal():
        if len(name) > 9 or int(name) > _MAX_CAMERA:
            raise UserError(f"camera {name}: cameras have numbers to {_MAX_CAMERA}")
        return [Source(name, "camera")]
    if glob.has_magic(name):
        files = _matches(name, out, left_out)
        if not files:
            but = _BUT_ANNOTATED if left_out.overlays else ""
            raise UserError(f"{name}: no file matches this pattern{but}")
        return files
    if name == "-":
        raise UserError("-: give a file; standard input is not read")
    if os.path.lexists(name):
        raise UserError(f"{name} is not a file or folder that can be read")
    raise UserError(f"{name}: there is no such file or folder")


def _matches(pattern: str, out: Path | None, left_out: LeftOut) -> list[Source]:
    """List what matches a pattern; folders are searched."""
    own = _overlays(out)
    files: list[Source] = []
    for path in (Path(p) for p in sorted(glob.glob(pattern, recursive=True))):
        real = path.resolve()
        if own.intersection((real, *real.parents)):
            continue
        folder = path if path.is_dir() else path.parent
        if (folder / MADE_FROM).exists():
            left_out.overlays.add(str(folder))
        elif path.is_dir():
            files += _inside(path, out, left_out)
        else:
            files.append(Source(str(path), _kind(path) or "image"))
    return files


def _inside(folder: Path, out: Path | None, left_out: LeftOut) -> list[Source]:
    """List what a folder holds at any depth, and the folders that cannot be read.

    Those, and pipes or broken links with a picture's name, become rows without a face.
    """
    found: list[Source] = []

    def note(error: OSError) -> None:
        found.append(Source(str(error.filename), "image"))

    seen = _overlays(out) - {folder.resolve()}  # links may lead in a circle
    for at, folders, files in os.walk(folder, onerror=note, followlinks=True):
        real = Path(at).resolve()
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        if MADE_FROM in files and real != folder.resolve():
            left_out.overlays.add(at)
            folders.clear()
            continue
        ours = out is not None and out.resolve() in (real, *real.parents)
        for path in (Path(at, name) for name in files):
            if kind := _kind(path):
                found.append(Source(str(path), kind))
            elif not (ours or path.name.startswith(".")):
                left_out.others.add(path.absolute())
    return sorted(found, key=lambda source: Path(source.file))


def _overlays(out: Path | None) -> set[Path]:
    """Return the folder of a run's annotated pictures and videos: no inputs of it."""
    return {(out / OVERLAY).resolve()} if out else set()


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
            raise UserError(
                f"camera {source.file} cannot be opened: see whether it is connected,"
                " no other program uses it, and you may read it (/dev/video*)"
            ) from None
        if start == 0:
            yield Frame(source, 0, 0.0, None, error.detail)
        return
    try:
        began, stamp, gap, rate = time.monotonic(), 0.0, 0.0, video.rate
        while video.advance():
            index = video.next - 1
            stated = time.monotonic() - began if camera else video.seconds
            if index and stated <= stamp and rate > 0 and not camera:
                stated = index / rate  # the container states no time stamps
            if index:
                gap = max(gap, stated - stamp)
            stamp = max(stamp, stated)
            if index >= start:
                image = video.decode()
                error = "frame cannot be decoded" if image is None else ""
                yield Frame(source, index, stamp, image, error)
        count = video.next
        whole = video.num_frames / rate if rate > 0 else 0.0
        cut = not camera and _is_cut(video, stamp, gap, whole)
        if cut and rate > 0:
            # OpenCV counts the frames that an edit list hides, and the time of sound.
            file = Path(source.file)
            whole = min(whole, shown_seconds(file))
            cut = _is_cut(video, stamp, gap, whole) and not is_whole_with_sound(file)
        if (cut or count == 0) and count >= start:
            text = f"the video ends after {count} of {video.num_frames} frames"
            if count and rate > 0:
                text = f"the video ends after {stamp:.2f} of {whole:.2f} seconds"
            yield Frame(source, count, stamp, None, text)
    finally:
        video.close()


def _is_cut(video: Video, stamp: float, gap: float, whole: float) -> bool:
    """Return whether a video at its end has fewer frames than it states.

    Where a container states no number of frames (Matroska, WebM), OpenCV multiplies
    the duration by the rate. That is too many for a variable rate, so the time of the
    last frame decides: it is seen until the end of the video.

    Args:
        video: The video, of which no frame is left.
        stamp: The time of the last frame, in seconds.
        gap: The longest time between two frames.
        whole: The duration that the video states, in seconds.
    """
    if video.next >= video.num_frames - _GUESSED:
        return False
    if video.rate <= 0:
        return True
    shown = max(gap, _GUESSED / video.rate)
    return stamp + shown < whole - 0.5 / video.rate
