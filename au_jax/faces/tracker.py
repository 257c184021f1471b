"""Track the faces of a video: search every few frames, follow them in between."""

import time
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8

from au_jax.faces.finder import Box, Face, FaceFinder, Grey, overlap

_SAME = 0.3  # the least intersection over union of two boxes of one person
_PATIENCE = 50  # a face that returns within so many frames keeps its number


class Tracker:
    """Gives each face a number that stays the same through the video."""

    def __init__(self, finder: FaceFinder, every: int, state: Any = None):
        """Start a video, or resume it from a state.

        Args:
            finder: Finds the faces.
            every: The whole picture is searched in every `every`-th frame, and in
                frames that lose a face.
            state: The result of another tracker's `state()`.
        """
        self._finder, self._every = finder, every
        self._tracks: dict[int, tuple[Box, int]] = {}  # number: box, frames since seen
        self._next = 0
        self.seconds = {"detection": 0.0, "landmarks": 0.0}
        if state:
            self._next = state["next"]
            self._tracks = {
                number: (tuple(box), missed) for number, box, missed in state["tracks"]
            }

    def state(self) -> dict[str, Any]:
        """Return everything that the next frame depends on, as JSON values."""
        tracks = [[n, list(box), missed] for n, (box, missed) in self._tracks.items()]
        return {"next": self._next, "tracks": tracks}

    def step(
        self, image: UInt8[np.ndarray, "h w 3"], frame: int
    ) -> list[tuple[int, Face]]:
        """Return the faces of the next frame (RGB) with their numbers, in order."""
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
        """Find the faces of the last frame; return True if one is lost."""
        lost = False
        for number, (box, missed) in self._tracks.items():
            if missed or number in seen:
                continue
            face = self._finder.follow(grey, box)
            if face and all(overlap(face[0], b) < _SAME for b, _ in seen.values()):
                seen[number] = face
            else:
                lost = True
        return lost

    def _match(
        self, faces: list[tuple[Box, float]], seen: dict[int, tuple[Box, float]]
    ) -> None:
        """Add the faces of a search to `seen`, with the numbers of known faces.

        Faces and known faces are paired by overlap, the best pairs first.
        """
        known = {number: box for number, (box, _) in self._tracks.items()}
        known |= {number: box for number, (box, _) in seen.items()}
        pairs = sorted(
            (
                (overlap(box, old), -number, index)
                for index, (box, _) in enumerate(faces)
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
        for index in sorted(range(len(faces)), key=lambda i: faces[i][0][0]):
            if index not in numbers:
                numbers[index], self._next = self._next, self._next + 1
            seen[numbers[index]] = faces[index]
