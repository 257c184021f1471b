"""Clips: frames of one person in one recording, for training without labels.

A recording is a video, or a folder of photographs, as in BP4D: SUBJECT/TASK/FRAME.jpg.
Frames are in the order of their names.
"""

import re
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np

from au_jax.data.split import FaceSplit

WIDEST = 5
"""The largest distance of successive frames of a clip."""


class Clip(NamedTuple):
    """A frame of a recording, and the frames that may be shown with it."""

    recording: tuple[int, ...]
    """The indices of all frames in order."""
    place: int
    """The place of the frame in the recording."""
    frames: int
    """Frames to show."""


class Clips:
    """The clips of a split: a random-access source with one clip around each image.

    Args:
        split: The images.
        frames: Frames per clip, at least 2.
    """

    def __init__(self, split: FaceSplit, frames: int):
        self.recordings = recordings(
            [
                f"{number}/{part.path(i)}"  # sets may name their people alike
                for number, part in enumerate(split.each())
                for i in range(len(part))
            ]
        )
        self.frames = frames
        self.places = {
            index: (number, place)
            for number, recording in enumerate(self.recordings)
            for place, index in enumerate(recording)
        }

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.places)

    def __getitem__(self, index: int) -> Clip:
        """Return the clip around an image."""
        number, place = self.places[index]
        return Clip(self.recordings[number], place, self.frames)


def recordings(paths: list[str]) -> list[tuple[int, ...]]:
    """Return the indices of each recording's frames, in the order of their names.

    Args:
        paths: As records state them; `VIDEO#NUMBER` is a frame of a video.
    """
    found: dict[str, list[int]] = {}
    for index, path in enumerate(paths):
        frame = re.fullmatch(r"(.+)#\d+", path)
        name = frame[1] if frame else str(PurePosixPath(path).parent)
        found.setdefault(name, []).append(index)

    def order(index: int) -> list[tuple[bool, int, str]]:
        # Numbers in the order of their values: frame 9 comes before frame 10.
        parts = re.findall(r"\d+|\D+", PurePosixPath(paths[index]).name)
        return [(not p.isdigit(), int(p) if p.isdigit() else 0, p) for p in parts]

    return [tuple(sorted(indices, key=order)) for indices in found.values()]


def choose(clip: Clip, rng: np.random.Generator) -> list[int]:
    """Return the indices of a clip's frames.

    Of two frames, the first is the image of the clip, and the other any other one of
    its recording. More frames lie around the image, at an equal distance of 1 to
    `WIDEST`; where a recording is too short, its last frame is repeated.
    """
    recording, place, frames = clip
    if frames == 2:
        others = [index for at, index in enumerate(recording) if at != place]
        other = others[rng.integers(len(others))] if others else recording[place]
        return [recording[place], other]
    widest = min(WIDEST, max(1, (len(recording) - 1) // (frames - 1)))
    step = int(rng.integers(1, widest, endpoint=True))
    first = place - step * int(rng.integers(frames))
    first = min(max(first, 0), max(len(recording) - 1 - step * (frames - 1), 0))
    places = [min(first + step * n, len(recording) - 1) for n in range(frames)]
    return [recording[at] for at in places]
