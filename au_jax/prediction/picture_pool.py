"""Find the faces of pictures in several processes; the results keep the order.

A worker needs a finder and a cropper, no network: it takes no memory of a GPU.
"""

import dataclasses
from collections.abc import Callable, Generator, Iterable

import cv2

from au_jax.faces.detect import LandmarksBy
from au_jax.faces.finder import FaceFinder
from au_jax.prediction.crop import Cropper
from au_jax.prediction.search import FrameFaces, Seconds, Task, search_one
from au_jax.runtime import workers

_AHEAD = 4  # inputs per worker that are begun before their turn; it bounds the memory


@dataclasses.dataclass(frozen=True)
class Tools:
    """What a worker is given once, when it starts."""

    landmarks_by: LandmarksBy | None
    """How landmarks are found; None if no faces are searched for."""
    cropper: Cropper
    keep_pixels: bool
    """Return the pixels of the pictures, too."""


_tools: Tools | None = None  # in a worker
_finder: FaceFinder | None = None  # in a worker


def search(
    tasks: Iterable[Task],
    here: Callable[[Task], Iterable[FrameFaces]],
    num_workers: int,
    tools: Tools,
    seconds: Seconds,
) -> Generator[FrameFaces, None, None]:
    """Yield every frame with its faces, in the order of the inputs.

    Args:
        tasks: The inputs. Those that are not pictures keep their order, which tracking
            needs, and meanwhile the workers go on with the next pictures.
        here: Searches such an input in this process.
        num_workers: Processes.
        tools: What each of them needs.
        seconds: The times of decoding, detection and landmarks are added to it.

    Raises:
        UserError: a worker died; or see `search_one`.
    """
    with workers.pool(num_workers, _start, tools) as submit:
        begun = (
            (task, submit(_search, task) if task.source.kind == "image" else None)
            for task in tasks
        )
        for task, future in workers.drawn_ahead(begun, _AHEAD * num_workers):
            if future is None:
                yield from here(task)
                continue
            found, taken = future.result()
            seconds.add(taken)
            yield from found


def _start(tools: Tools) -> None:
    """Set up a worker."""
    global _tools, _finder
    workers.end_with_parent()
    cv2.setNumThreads(1)
    _tools = tools
    _finder = FaceFinder(tools.landmarks_by) if tools.landmarks_by else None


def _search(task: Task) -> tuple[list[FrameFaces], Seconds]:
    """Return the frame of a picture, if it is not done already, and the times."""
    assert _tools is not None
    seconds = Seconds()
    found = list(search_one(task, _finder, _tools.cropper, seconds))
    if not _tools.keep_pixels:
        found = [item.without_pixels() for item in found]
    return found, seconds
