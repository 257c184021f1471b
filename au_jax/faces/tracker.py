"""Faces of a video: searched for every few frames, followed in between."""

import time
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8

from au_jax.faces.finder import Box, Face, FaceFinder, Grey, overlap

_SAME = 0.3  # intersection over union of boxes of one person
_PATIENCE = 50  # frames for which the number of a face that is gone is kept


class Tracker:
    """Gives faces numbers that stay; its state is as small as their boxes."""

    def __init__(self, finder: FaceFinder, every: int, state: Any = None):
        """Starts a video, or goes on where `state()` was taken.

        Args:
            finder: Of faces.
            every: The whole picture is searched in every `every`-th frame, and where
                a face was lost.
            state: What another tracker's `state()` gave.
        """
        self._finder, self._every = finder, every
        self._tracks: dict[int, tuple[Box, int]] = {}  # id: box, frames since seen
        self._next = 0
        self.seconds = {"detection": 0.0, "landmarks": 0.0}
        if state:
            self._next = state["next"]
            self._tracks = {
                number: (tuple(box), missed) for number, box, missed in state["tracks"]
            }

    def state(self) -> dict[str, Any]:
        """All that the next frame depends on, as JSON."""
        tracks = [[n, list(box), missed] for n, (box, missed) in self._tracks.items()]
        return {"next": self._next, "tracks": tracks}

    def step(
        self, image: UInt8[np.ndarray, "h w 3"], frame: int
    ) -> list[tuple[int, Face]]:
        """The faces of the next frame (RGB) with their numbers, the lowest first."""
        start = time.perf_counter()
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        seen: dict[int, tuple[Box, float]] = {}
        if frame % self._every == 0:
            self._match(self._finder.boxes(grey), seen)
        if self._every > 1 and self._follow(grey, seen) and frame % self._every:
            self._match(self._finder.boxes(grey), seen)  # a face was lost
        self._tracks = {
            number: (box, missed + 1)
            for number, (box, missed) in self._tracks.items()
            if number not in seen and missed < _PATIENCE
        } | {number: (box, 0) for number, (box, _) in seen.items()}
        middle = time.perf_counter()
        faces = [
            (number, Face(box, score, self._finder.landmarks(grey, box)))
            for number, (box, score) in sorted(seen.items())
        ]
        self.seconds["detection"] += middle - start
        self.seconds["landmarks"] += time.perf_counter() - middle
        return faces

    def _follow(self, grey: Grey, seen: dict[int, tuple[Box, float]]) -> bool:
        """Follows the faces of the last frame into `seen`; True if one was lost."""
        lost = False
        for number, (box, missed) in self._tracks.items():
            if missed or number in seen:
                continue
            found = self._finder.follow(grey, box)
            if found and all(overlap(found[0], b) < _SAME for b, _ in seen.values()):
                seen[number] = found
            else:
                lost = True
        return lost

    def _match(
        self, found: list[tuple[Box, float]], seen: dict[int, tuple[Box, float]]
    ) -> None:
        """Puts the faces of a search into `seen`: by overlap, the best pairs first."""
        known = {number: box for number, (box, _) in self._tracks.items()}
        known |= {number: box for number, (box, _) in seen.items()}
        pairs = sorted(
            (
                (overlap(box, old), -number, index)
                for index, (box, _) in enumerate(found)
                for number, old in known.items()
            ),
            reverse=True,
        )
        numbers: dict[int, int] = {}
        for share, negative, index in pairs:
            taken = index in numbers or -negative in numbers.values()
            if share >= _SAME and not taken:
                numbers[index] = -negative
        # New faces are numbered from left to right.
        for index in sorted(range(len(found)), key=lambda i: found[i][0][0]):
            if index not in numbers:
                numbers[index], self._next = self._next, self._next + 1
            seen[numbers[index]] = found[index]
