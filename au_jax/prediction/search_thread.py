"""Decoding and face search, in a thread that works ahead of the network."""

import contextlib
import logging
import queue
import threading
from collections.abc import Generator, Sequence

from au_jax.prediction import picture_pool
from au_jax.prediction.detector import Detector
from au_jax.prediction.inputs import Source
from au_jax.prediction.picture_pool import Tools
from au_jax.prediction.search import (
    FrameFaces,
    Position,
    SearchOptions,
    Seconds,
    Task,
    search_one,
    tasks,
)

LOG = logging.getLogger(__name__)

_QUEUED = 8  # frames that may wait for the network, which bounds the memory


def search(
    detector: Detector,
    sources: Sequence[Source],
    start: Position,
    options: SearchOptions,
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
    found = _search(detector, sources, start, options, seconds, keep_pixels)
    found = _warned_of(found)

    def put(item: FrameFaces | BaseException | None) -> None:
        while not stop.is_set():
            try:
                return results.put(item, timeout=0.1)
            except queue.Full:
                continue

    def work() -> None:
        try:
            with contextlib.closing(found):
                for item in found:
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


def _warned_of(
    found: Generator[FrameFaces, None, None],
) -> Generator[FrameFaces, None, None]:
    """Yield the same, with a line about each input that is damaged."""
    failed = -1  # the number of the input with the last error
    with contextlib.closing(found):  # which ends the processes, too
        for item in found:
            frame, number = item.frame, item.after.source
            if frame.error and number != failed:  # later ones follow from the first
                failed = number
                name = frame.source.name
                LOG.warning("%s, frame %d: %s", name, frame.index, frame.error)
            yield item


def _search(
    detector: Detector,
    sources: Sequence[Source],
    start: Position,
    options: SearchOptions,
    seconds: Seconds,
    keep_pixels: bool,
) -> Generator[FrameFaces, None, None]:
    """Do the work of `search` in the calling thread, or pictures in processes."""

    def here(task: Task) -> Generator[FrameFaces, None, None]:
        finder = detector.finder if options.find else None
        return search_one(task, finder, detector.cropper, seconds)

    work = tasks(sources, start, options)
    pictures = sum(source.kind == "image" for source in sources[start.source :])
    num_workers = min(options.workers, pictures)
    if num_workers > 1:
        if options.find:
            _ = detector.finder  # reports a missing package before any process starts
        by = detector.landmarks_by if options.find else None
        tools = Tools(by, detector.cropper, keep_pixels)
        yield from picture_pool.search(work, here, num_workers, tools, seconds)
        return
    for task in work:
        yield from here(task)
