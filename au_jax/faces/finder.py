"""All faces of a picture, and a known face in the next picture of a video."""

import dataclasses
import threading

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from au_jax.faces import detect
from au_jax.faces.landmarks import FROM_68, NUM_LANDMARKS

Grey = UInt8[np.ndarray, "h w"]
Box = tuple[int, int, int, int]
"""Left, top, right, bottom, in pixels of the picture."""

# A followed face is looked for in the square around it alone, shrunk to little more
# than dlib's window of 80 pixels: that takes a tenth of a search of the whole picture.
_SIDE = 82  # pixels of the shrunk face
_MARGIN = 0.3  # of the face's side, on all sides
_STAYS = -0.2  # dlib's score from which a known face counts as still there; new: 0


@dataclasses.dataclass(frozen=True)
class Face:
    """One face of a picture."""

    box: Box
    confidence: float
    """dlib's score: 0 is its limit, 1 good, 2 very good; 1 for `whole_face`."""
    landmarks: Float[np.ndarray, "49 2"]
    """x, y in pixels of the picture; NaN where none were looked for."""


class FaceFinder:
    """dlib's detector and landmarks; may be used by several threads."""

    def __init__(self) -> None:
        """Loads dlib (1 s); raises a `UserError` where it is absent."""
        self._dlib, self._detector, self._predictor = detect.load_dlib()
        self._lock = threading.Lock()  # the detector keeps buffers

    def boxes(self, grey: Grey) -> list[tuple[Box, float]]:
        """Every face and its score, the largest first."""
        with self._lock:
            return detect.detect_faces(self._detector, grey)

    def follow(self, grey: Grey, box: Box) -> tuple[Box, float] | None:
        """Where the face of `box` is in the next picture; None where it is no more."""
        left, top, right, bottom = box
        side = max(right - left, 1)
        margin = round(_MARGIN * side)
        x, y = max(0, left - margin), max(0, top - margin)
        window = grey[y : max(0, bottom + margin), x : max(0, right + margin)]
        if min(window.shape) < side / 2:
            return None
        scale = _SIDE / side
        size = (max(1, round(n * scale)) for n in window.shape[::-1])
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = cv2.resize(window, tuple(size), interpolation=method)
        with self._lock:
            found, scores, _ = self._detector.run(small, 0, _STAYS)
        if not found:
            return None
        best = max(range(len(found)), key=lambda i: scores[i])
        near = found[best]
        return (
            round(near.left() / scale) + x,
            round(near.top() / scale) + y,
            round(near.right() / scale) + x,
            round(near.bottom() / scale) + y,
        ), scores[best]

    def landmarks(self, grey: Grey, box: Box) -> Float[np.ndarray, "49 2"]:
        """The 49 landmarks of the face in a box, in whole pixels."""
        shape = self._predictor(grey, self._dlib.rectangle(*box))
        points = [(shape.part(i).x, shape.part(i).y) for i in FROM_68]
        return np.array(points, np.float32)

    def faces(self, image: UInt8[np.ndarray, "h w 3"]) -> list[Face]:
        """Every face of an RGB picture, the largest first."""
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        return [
            Face(box, score, self.landmarks(grey, box))
            for box, score in self.boxes(grey)
        ]


def whole_face(image: UInt8[np.ndarray, "h w 3"]) -> Face:
    """The picture itself as a face: it was cut out and aligned already."""
    height, width, _ = image.shape
    nowhere = np.full((NUM_LANDMARKS, 2), np.nan, np.float32)
    return Face((0, 0, width - 1, height - 1), 1.0, nowhere)


def overlap(a: Box, b: Box) -> float:
    """Intersection over union of two boxes."""
    width = min(a[2], b[2]) - max(a[0], b[0]) + 1
    height = min(a[3], b[3]) - max(a[1], b[1]) + 1
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(r - left + 1) * (bottom - t + 1) for left, t, r, bottom in (a, b)]
    shared = width * height
    return shared / (sum(areas) - shared)
