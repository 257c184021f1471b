"""Find all faces of a picture, and a known face in the next frame of a video."""

import dataclasses
import threading

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from au_jax.faces import detect
from au_jax.faces.detect import Box, Grey, LandmarksBy
from au_jax.faces.landmarks import NUM_LANDMARKS

# A known face is searched for only in a square around its last place. The square is
# shrunk until the face is little larger than dlib's window of 80 pixels, so the search
# takes a tenth of the time of a search in the whole picture.
_SIDE = 82  # of the shrunk face, in pixels
_MARGIN = 0.3  # around the face, as a share of its side
_STAYS = -0.2  # dlib's lowest score of a known face; that of a new one is 0


@dataclasses.dataclass(frozen=True)
class Face:
    """One face of a picture."""

    box: Box
    confidence: float
    """dlib's score: 0 is its lowest, 1 good, 2 very good; 1 for `whole_face`."""
    landmarks: Float[np.ndarray, "49 2"]
    """x, y in pixels of the picture; NaN if they were not detected."""


class FaceFinder:
    """Finds faces and their landmarks; several threads may share it."""

    def __init__(self, landmarks_by: LandmarksBy = detect.DEFAULT) -> None:
        """Load the detector and a predictor, which takes up to 1 s.

        Raises:
            UserError: dlib or its predictor is absent.
        """
        self._detector = detect.load_detector()
        self._landmarks = detect.load_landmarks(landmarks_by)
        self._lock = threading.Lock()  # the detector reuses its buffers

    def boxes(self, grey: Grey) -> list[tuple[Box, float]]:
        """Return the box and score of every face, the largest first."""
        with self._lock:
            return detect.detect_faces(self._detector, grey)

    def follow(self, grey: Grey, box: Box) -> tuple[Box, float] | None:
        """Find the face of `box` in the next frame; return None if it is gone."""
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
            boxes, scores, _ = self._detector.run(small, 0, _STAYS)
        if not boxes:
            return None
        best = max(range(len(boxes)), key=lambda i: scores[i])
        face = boxes[best]
        return (
            round(face.left() / scale) + x,
            round(face.top() / scale) + y,
            round(face.right() / scale) + x,
            round(face.bottom() / scale) + y,
        ), scores[best]

    def landmarks(self, grey: Grey, box: Box) -> Float[np.ndarray, "49 2"]:
        """Return the 49 landmarks of the face in a box, x and y in pixels."""
        return self._landmarks(grey, box)

    def faces(self, image: UInt8[np.ndarray, "h w 3"]) -> list[Face]:
        """Return every face of an RGB picture, the largest first."""
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        return [
            Face(box, score, self.landmarks(grey, box))
            for box, score in self.boxes(grey)
        ]


def whole_face(image: UInt8[np.ndarray, "h w 3"]) -> Face:
    """Return the whole picture as one face that is cut out and aligned already."""
    height, width, _ = image.shape
    unknown = np.full((NUM_LANDMARKS, 2), np.nan, np.float32)
    return Face((0, 0, width - 1, height - 1), 1.0, unknown)


def overlap(a: Box, b: Box) -> float:
    """Return the intersection over union of two boxes."""
    width = min(a[2], b[2]) - max(a[0], b[0]) + 1
    height = min(a[3], b[3]) - max(a[1], b[1]) + 1
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(r - left + 1) * (bottom - t + 1) for left, t, r, bottom in (a, b)]
    shared = width * height
    return shared / (sum(areas) - shared)
