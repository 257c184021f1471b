"""Frames with their faces, found in a thread of its own beside the networks."""

import dataclasses
import queue
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from typing import Any

from au_jax.faces.finder import Face, whole_face
from au_jax.faces.tracker import Tracker
from au_jax.prediction.detector import Detector
from au_jax.prediction.inputs import Frame, Source, read

_WAITING = 8  # frames that may wait for the networks: memory is bounded by them


@dataclasses.dataclass(frozen=True)
class Position:
    """Where to go on: everything before it is done."""

    source: int = 0
    """Number of the input."""
    frame: int = 0
    tracker: Any = None


@dataclasses.dataclass(frozen=True)
class Found:
    """A frame, and what was found."""

    frame: Frame
    faces: list[tuple[int, Face]]
    crops: list[Any]
    """Of each face, as `Detector.crop` gives them."""
    after: Position


@dataclasses.dataclass
class Seconds:
    """How long each part of the work took; the parts run beside each other."""

    decode: float = 0.0
    detection: float = 0.0
    landmarks: float = 0.0
    network: float = 0.0
    output: float = 0.0


def search(
    detector: Detector,
    sources: Sequence[Source],
    start: Position,
    every: int,
    whole: bool,
    seconds: Seconds,
    keep: bool = False,
) -> Generator[Found, None, None]:
    """Every frame of every source from `start` on, in order.

    Unless they are to be kept, pixels are dropped where they were decoded.
    """
    # Of a camera one: what waits is old when it is shown.
    most = 1 if sources[0].kind == "camera" else _WAITING
    waiting: queue.Queue[Found | BaseException | None] = queue.Queue(most)
    stop = threading.Event()

    def put(item: Found | BaseException | None) -> None:
        while not stop.is_set():
            try:
                return waiting.put(item, timeout=0.1)
            except queue.Full:
                continue

    def work() -> None:
        try:
            for found in _search(detector, sources, start, every, whole, seconds):
                put(found if keep else light(found))
                if stop.is_set():
                    return
            put(None)
        except BaseException as error:  # raised again where the frames are wanted
            put(error)

    thread = threading.Thread(target=work, name="faces", daemon=True)
    thread.start()
    try:
        while (item := waiting.get()) is not None:
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
    every: int,
    whole: bool,
    seconds: Seconds,
) -> Iterator[Found]:
    for number in range(start.source, len(sources)):
        source, first, state = sources[number], 0, None
        if number == start.source:
            first, state = start.frame, start.tracker
        step = 1 if source.kind == "image" else every
        tracker = None if whole else Tracker(detector.finder, step, state)
        try:
            for frame in _timed(read(source, first), seconds):
                faces: list[tuple[int, Face]] = []
                if frame.image is not None:
                    if tracker:
                        faces = tracker.step(frame.image, frame.index)
                    else:
                        faces = [(0, whole_face(frame.image))]
                crops = _crops(detector, frame, faces)
                state = tracker.state() if tracker else None
                after = Position(number, frame.index + 1, state)
                yield Found(frame, faces, crops, after)
        finally:
            if tracker:
                seconds.detection += tracker.seconds["detection"]
                seconds.landmarks += tracker.seconds["landmarks"]


def _timed(frames: Iterator[Frame], seconds: Seconds) -> Iterator[Frame]:
    while True:
        clock = time.perf_counter()
        frame = next(frames, None)
        seconds.decode += time.perf_counter() - clock
        if frame is None:
            return
        yield frame


def _crops(
    detector: Detector, frame: Frame, faces: list[tuple[int, Face]]
) -> list[Any]:
    if frame.image is None:
        return []
    return [detector.crop(frame.image, face) for _, face in faces]


def light(found: Found) -> Found:
    """Without the pixels, but for one, which tells that the frame was decoded."""
    if found.frame.image is None:
        return found
    frame = dataclasses.replace(found.frame, image=found.frame.image[:1, :1].copy())
    return dataclasses.replace(found, frame=frame)
