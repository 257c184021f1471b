"""The search for the faces of one input.

`search_thread.py` goes through all inputs. The processes of `picture_pool.py` import
this module, too, so it knows no network.
"""

import dataclasses
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from au_jax.errors import UserError
from au_jax.faces.finder import Face, FaceFinder, whole_face
from au_jax.faces.landmarks import check_inside
from au_jax.faces.tracker import Tracker
from au_jax.prediction.crop import Cropper
from au_jax.prediction.inputs import Frame, Source, read
from au_jax.raw.landmark_file import LandmarkFile, points_of


@dataclasses.dataclass(frozen=True)
class SearchOptions:
    """How faces are searched for."""

    every: int = 10
    """Search the whole frame in every n-th frame of a video; track in between."""
    whole: bool = False
    """Take each picture for one face that is cut out and aligned already."""
    known: LandmarkFile | None = None
    """The landmarks of pictures, each with one face, which is not searched for."""
    workers: int = 1
    """Processes for pictures; with 1, one thread does all. No result depends on it."""

    @property
    def find(self) -> bool:
        """Whether faces are searched for at all."""
        return not (self.whole or self.known)


@dataclasses.dataclass(frozen=True)
class Position:
    """The place to resume from: everything before it is done."""

    source: int = 0
    """Index of the input."""
    frame: int = 0
    """Number of the next frame in it."""
    tracker: Any = None
    """`Tracker.state()` before that frame; None at the start of an input."""


@dataclasses.dataclass(frozen=True)
class FrameFaces:
    """A frame and its faces."""

    frame: Frame
    faces: list[tuple[int, Face]]
    """Each face with its number, which stays the same throughout a video."""
    crops: list[Any]
    """The crop of each face, as a `Cropper` cuts it."""
    after: Position
    """The position after this frame."""

    def without_pixels(self) -> "FrameFaces":
        """Return a copy that keeps one pixel, the sign that the frame was decoded."""
        if self.frame.image is None:
            return self
        pixel = self.frame.image[:1, :1].copy()
        return dataclasses.replace(
            self, frame=dataclasses.replace(self.frame, image=pixel)
        )


@dataclasses.dataclass
class Seconds:
    """The time that each part of the work took; the parts overlap."""

    decode: float = 0.0
    detection: float = 0.0
    landmarks: float = 0.0
    network: float = 0.0
    output: float = 0.0

    def add(self, other: "Seconds") -> None:
        """Add the times of another process."""
        for name, part in dataclasses.asdict(other).items():
            setattr(self, name, getattr(self, name) + part)


@dataclasses.dataclass(frozen=True)
class Known:
    """What a file of landmarks says of a picture."""

    file: Path
    points: Float[np.ndarray, "49 2"] | None
    """x, y in pixels; None if the file does not name the picture."""
    error: str = ""
    """Why its line cannot be used."""


@dataclasses.dataclass(frozen=True)
class Task:
    """An input to search; unlike `SearchOptions`, it can be sent to another process."""

    source: Source
    start: Position
    """The place in it to begin at."""
    every: int
    """As in `SearchOptions`; 1 for a picture."""
    known: Known | None
    """The landmarks of a picture if they are known; None searches for faces, too."""


def tasks(
    sources: Sequence[Source], start: Position, options: SearchOptions
) -> Iterator[Task]:
    """Yield what is left to do from a position on, in order."""
    for number in range(start.source, len(sources)):
        source = sources[number]
        place = start if number == start.source else Position(number)
        every = 1 if source.kind == "image" else options.every
        known = _known(options.known, source) if options.known else None
        yield Task(source, place, every, known)


def _known(known: LandmarkFile, source: Source) -> Known:
    try:
        return Known(known.file, points_of(known, source.file))
    except UserError as error:  # raised when it is the picture's turn
        return Known(known.file, None, str(error))


def search_one(
    task: Task, finder: FaceFinder | None, cropper: Cropper, seconds: Seconds
) -> Generator[FrameFaces, None, None]:
    """Yield the frames of an input with their faces.

    Args:
        task: The input.
        finder: Finds the faces; None takes the known ones, or the whole picture.
        cropper: Cuts them out.
        seconds: The times of decoding, detection and landmarks are added to it.

    Raises:
        UserError: the known landmarks are not in the picture, or no landmarks.
    """
    tracker = Tracker(finder, task.every, task.start.tracker) if finder else None
    try:
        for frame in _timed(read(task.source, task.start.frame), seconds):
            faces: list[tuple[int, Face]] = []
            crops = []
            if frame.image is not None:
                if tracker:
                    faces = tracker.step(frame.image, frame.index)
                elif task.known:
                    faces = _known_faces(task.known, task.source, frame.image)
                else:
                    faces = [(0, whole_face(frame.image))]
                crops = [cropper(frame.image, face) for _, face in faces]
            state = tracker.state() if tracker else None
            after = Position(task.start.source, frame.index + 1, state)
            yield FrameFaces(frame, faces, crops, after)
    finally:
        if tracker:
            seconds.detection += tracker.seconds["detection"]
            seconds.landmarks += tracker.seconds["landmarks"]


def _known_faces(
    known: Known, source: Source, image: UInt8[np.ndarray, "h w 3"]
) -> list[tuple[int, Face]]:
    """Return the face whose landmarks the file states, if it names the picture."""
    if known.error:
        raise UserError(known.error)
    points = known.points
    if points is None:
        return []
    try:
        check_inside(points, *image.shape[:2])
    except ValueError as error:
        text = f"--landmarks_by={known.file}: {source.name}: {error}"
        raise UserError(text) from None
    left, top = np.floor(points.min(axis=0)).astype(int).tolist()
    right, bottom = np.ceil(points.max(axis=0)).astype(int).tolist()
    return [(0, Face((left, top, right, bottom), 1.0, points))]


def _timed(frames: Iterator[Frame], seconds: Seconds) -> Iterator[Frame]:
    """Yield the frames, and add the time that each took to `seconds.decode`."""
    while True:
        clock = time.perf_counter()
        frame = next(frames, None)
        seconds.decode += time.perf_counter() - clock
        if frame is None:
            return
        yield frame
