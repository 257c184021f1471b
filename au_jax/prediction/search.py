"""Decoding and face search, in a thread that works ahead of the network."""

import dataclasses
import logging
import queue
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import UInt8

from au_jax.errors import UserError
from au_jax.faces.finder import Face, whole_face
from au_jax.faces.landmarks import check_inside
from au_jax.faces.tracker import Tracker
from au_jax.prediction.detector import Detector
from au_jax.prediction.inputs import Frame, Source, read
from au_jax.raw.landmark_file import LandmarkFile, points_of

LOG = logging.getLogger(__name__)

_QUEUED = 8  # frames that may wait for the network, which bounds the memory


@dataclasses.dataclass(frozen=True)
class Options:
    """How faces are searched for."""

    every: int = 10
    """Search the whole frame in every n-th frame of a video; track in between."""
    whole: bool = False
    """Take each picture for one face that is cut out and aligned already."""
    known: LandmarkFile | None = None
    """The landmarks of pictures, each with one face, which is not searched for."""


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
    """The crop of each face, as `Detector.crop` cuts it."""
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


def search(
    detector: Detector,
    sources: Sequence[Source],
    start: Position,
    options: Options,
    seconds: Seconds,
    keep_pixels: bool = False,
) -> Generator[FrameFaces, None, None]:
    """Yield every frame of every source with its faces, in order.

    A thread works ahead by a few frames. It ends with the generator, and an error in it
    is raised here.

    Args:
        detector: Its finder and cropper are used.
        sources: The inputs.
        start: The position of the first frame.
        options: How faces are searched for.
        seconds: The times of decoding, detection and landmarks are added to it.
        keep_pixels: Keep the pixels of the frames, which cost memory in the queue.
    """
    # A camera's frame that waits is out of date when it is shown.
    size = 1 if sources[0].kind == "camera" else _QUEUED
    results: queue.Queue[FrameFaces | BaseException | None] = queue.Queue(size)
    stop = threading.Event()

    def put(item: FrameFaces | BaseException | None) -> None:
        while not stop.is_set():
            try:
                return results.put(item, timeout=0.1)
            except queue.Full:
                continue

    def work() -> None:
        try:
            for item in _search(detector, sources, start, options, seconds):
                put(item if keep_pixels else item.without_pixels())
                if stop.is_set():
                    return
            put(None)
        except BaseException as error:  # raised again by the consumer
            put(error)

    thread = threading.Thread(target=work, name="faces", daemon=True)
    thread.start()
    try:
        while (item := results.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        thread.join()


def _search(
    detector: Detector,
    sources: Sequence[Source],
    start: Position,
    options: Options,
    seconds: Seconds,
) -> Iterator[FrameFaces]:
    """Do the work of `search` in the calling thread."""
    for number in range(start.source, len(sources)):
        source, first, state = sources[number], 0, None
        if number == start.source:
            first, state = start.frame, start.tracker
        every = 1 if source.kind == "image" else options.every
        find = not (options.whole or options.known)
        tracker = Tracker(detector.finder, every, state) if find else None
        error = ""
        try:
            for frame in _timed(read(source, first), seconds):
                faces: list[tuple[int, Face]] = []
                crops = []
                if frame.error and not error:  # later ones follow from the first
                    error = frame.error
                    LOG.warning("%s, frame %d: %s", source.name, frame.index, error)
                if frame.image is not None:
                    if tracker:
                        faces = tracker.step(frame.image, frame.index)
                    elif options.known:
                        faces = _known_faces(options.known, source, frame.image)
                    else:
                        faces = [(0, whole_face(frame.image))]
                    crops = [detector.crop(frame.image, face) for _, face in faces]
                state = tracker.state() if tracker else None
                after = Position(number, frame.index + 1, state)
                yield FrameFaces(frame, faces, crops, after)
        finally:
            if tracker:
                seconds.detection += tracker.seconds["detection"]
                seconds.landmarks += tracker.seconds["landmarks"]


def _known_faces(
    known: LandmarkFile, source: Source, image: UInt8[np.ndarray, "h w 3"]
) -> list[tuple[int, Face]]:
    """Return the face whose landmarks the file states, if it names the picture."""
    points = points_of(known, source.file)
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
