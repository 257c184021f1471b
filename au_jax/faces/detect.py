"""The boxes of faces, by dlib, and the landmarks of a face: ours, or dlib's 68.

dlib's detector and its five points are free for any use. Its 68 points were learned
from iBUG 300-W, whose licence excludes commercial use. So the default is our own
cascade, which starts at the five points.

Preparation uses `make_finder`, which needs only the largest face of a picture. For all
faces, and for videos, see `finder.py`.
"""

import functools
import hashlib
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeGuard, get_args

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from au_jax.errors import UserError
from au_jax.faces import cascade
from au_jax.faces.landmarks import FROM_68

LandmarksBy = Literal["au_jax", "dlib68"]
"""Our cascade (`cascade.py`), or dlib's predictor of 68 points."""

DEFAULT: LandmarksBy = "au_jax"

Grey = UInt8[np.ndarray, "h w"]
Box = tuple[int, int, int, int]
"""Left, top, right, bottom, in pixels of the picture."""

LandmarkPredictor = Callable[[Grey, Box], Float[np.ndarray, "k 2"]]
"""A function from a grey picture and the box of a face to points of the face.

They are x, y in pixels of the picture; dlib's are whole pixels.
"""

LandmarkFinder = Callable[
    [UInt8[np.ndarray, "h w 3"]], Float[np.ndarray, "49 2"] | None
]
"""A function from an RGB picture to the landmarks of its largest face.

They are x, y in pixels of the picture; the result is None if no face is found.
"""

# The longer side at which a picture is searched first. The detector's window has 80
# pixels, and its time grows with the area.
LONG_SIDE = 640
# The most pixels that are searched; a face of 1/50 of the side of a square picture is
# still found. dlib takes some 11 bytes of memory for each.
MAX_SEARCHED = 1 << 24
# Prepared sets depend on this text; change it with the method.
METHOD = f"dlib at {LONG_SIDE}, then doubled to {MAX_SEARCHED}"

INSTALL = "install it with `pip install -r requirements/faces.txt`"


def version(landmarks_by: LandmarksBy) -> str:
    """Return a text that changes whenever the same face gets other landmarks."""
    if landmarks_by == "dlib68":
        return landmarks_by
    digest = hashlib.sha256(cascade.FILE.read_bytes()).hexdigest()
    return f"{landmarks_by} {digest[:16]}"


def is_method(text: str) -> TypeGuard[LandmarksBy]:
    """Return whether a text names a method to find landmarks."""
    return text in get_args(LandmarksBy)


def check_method(text: str) -> None:
    """Check that a text names a method to find landmarks.

    Raises:
        UserError: it does not.
    """
    if not is_method(text):
        methods = " or ".join(get_args(LandmarksBy))
        raise UserError(f"landmarks_by={text!r}: give {methods}")


def predictor_path(points: int) -> Path:
    """Return the path of dlib's predictor of 5 or 68 points.

    The package that contains it is not imported, because it needs `pkg_resources`.

    Raises:
        UserError: the package or the file is absent.
    """
    spec = importlib.util.find_spec("face_recognition_models")
    folders = (spec and spec.submodule_search_locations) or []
    for folder in folders:
        path = Path(folder) / "models" / f"shape_predictor_{points}_face_landmarks.dat"
        if path.is_file():
            return path
    raise UserError(f"the face landmark model of dlib is missing; {INSTALL}")


@functools.cache
def load_dlib() -> Any:
    """Import dlib.

    Raises:
        UserError: it is not installed.
    """
    try:
        import dlib  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise UserError(f"dlib, which detects faces, is missing; {INSTALL}") from None
    return dlib


def load_predictor(points: int) -> LandmarkPredictor:
    """Load dlib's predictor of 5 or 68 points, which takes up to 1 s.

    Raises:
        UserError: dlib or the file is absent, or the file is damaged.
    """
    dlib, path = load_dlib(), predictor_path(points)
    try:
        predictor: Any = dlib.shape_predictor(str(path))
    except RuntimeError:
        raise UserError(f"{path} is damaged; {INSTALL} again") from None

    def predict(grey: Grey, box: Box) -> Float[np.ndarray, "k 2"]:
        shape = predictor(grey, dlib.rectangle(*box))
        found = [(shape.part(i).x, shape.part(i).y) for i in range(points)]
        return np.array(found, np.float32)

    return predict


def load_landmarks(landmarks_by: LandmarksBy) -> LandmarkPredictor:
    """Return a function from a grey picture and the box of a face to its 49 landmarks.

    Raises:
        UserError: see `load_predictor`.
    """
    if landmarks_by == "dlib68":
        predict = load_predictor(68)
        return lambda grey, box: predict(grey, box)[FROM_68]
    five_points, find = load_predictor(5), cascade.load()
    return lambda grey, box: find(grey, five_points(grey, box))


def make_finder(landmarks_by: LandmarksBy = DEFAULT) -> LandmarkFinder:
    """Return a function that finds the landmarks of a picture's largest face.

    Raises:
        UserError: see `load_predictor`.
    """
    detector, landmarks = load_detector(), load_landmarks(landmarks_by)

    def find(image: UInt8[np.ndarray, "h w 3"]) -> Float[np.ndarray, "49 2"] | None:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        box = _largest_face(detector, grey)
        if box is None:
            return None
        # On the full picture, because dlib rounds its points to whole pixels.
        return landmarks(grey, box)

    return find


def load_detector() -> Any:
    """Return dlib's HOG face detector.

    Raises:
        UserError: dlib is not installed.
    """
    return load_dlib().get_frontal_face_detector()


def _largest_face(detector: Any, grey: Grey) -> Box | None:
    boxes = [box for box, _ in detect_faces(detector, grey)]
    return boxes[0] if boxes else None


def detect_faces(detector: Any, grey: Grey) -> list[tuple[Box, float]]:
    """Return the box and dlib's score of every face, the largest first.

    The picture is grey because dlib finds more false faces in colour.
    """
    scale = min(1.0, LONG_SIDE / max(grey.shape))
    small = _shrink(grey, scale)
    boxes, scores, _ = detector.run(small, 0, 0.0)
    if not boxes and scale > 0.5:
        boxes, scores, _ = detector.run(small, 1, 0.0)  # dlib doubles the picture
    elif not boxes:  # the full picture is large enough to search it at larger sizes
        most = min(1.0, (MAX_SEARCHED / grey.size) ** 0.5)
        while not boxes and scale < most:
            scale = min(most, 2 * scale)
            boxes, scores, _ = detector.run(_shrink(grey, scale), 0, 0.0)
    largest_first = sorted(
        zip(boxes, scores, strict=True), key=lambda face: face[0].area(), reverse=True
    )
    return [
        (
            (
                round(box.left() / scale),
                round(box.top() / scale),
                round(box.right() / scale),
                round(box.bottom() / scale),
            ),
            score,
        )
        for box, score in largest_first
    ]


def _shrink(grey: UInt8[np.ndarray, "h w"], scale: float) -> UInt8[np.ndarray, "h2 w2"]:
    if scale == 1:
        return grey
    height, width = grey.shape
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
