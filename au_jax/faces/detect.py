"""dlib's detectors: the boxes of faces, and the landmarks of the largest one.

Preparation uses `make_finder`, which needs only the largest face of a picture. For all
faces, and for videos, see `finder.py`.
"""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from au_jax.errors import UserError
from au_jax.faces.landmarks import FROM_68

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


def predictor_path() -> Path:
    """Return the path of dlib's 68-point predictor.

    The package that contains it is not imported, because it needs `pkg_resources`.

    Raises:
        UserError: the package or the file is absent.
    """
    spec = importlib.util.find_spec("face_recognition_models")
    folders = (spec and spec.submodule_search_locations) or []
    for folder in folders:
        path = Path(folder) / "models" / "shape_predictor_68_face_landmarks.dat"
        if path.is_file():
            return path
    raise UserError(f"the face landmark model of dlib is missing; {INSTALL}")


def load_dlib() -> tuple[Any, Any, Any]:
    """Load dlib: the module, its HOG face detector and its 68-point predictor.

    It takes about 1 s.

    Raises:
        UserError: dlib or the model file is absent, or the file is damaged.
    """
    try:
        import dlib  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise UserError(f"dlib, which detects faces, is missing; {INSTALL}") from None
    detector: Any = dlib.get_frontal_face_detector()  # pyright: ignore
    path = predictor_path()
    try:
        predictor: Any = dlib.shape_predictor(str(path))  # pyright: ignore
    except RuntimeError:
        raise UserError(f"{path} is damaged; {INSTALL} again") from None
    return dlib, detector, predictor


def make_finder() -> LandmarkFinder:
    """Return a function that finds the landmarks of a picture's largest face.

    Raises:
        UserError: see `load_dlib`.
    """
    dlib, detector, predictor = load_dlib()

    def find(image: UInt8[np.ndarray, "h w 3"]) -> Float[np.ndarray, "49 2"] | None:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        box = _largest_face(detector, grey)
        if box is None:
            return None
        # On the full picture, because dlib rounds its points to whole pixels.
        shape = predictor(grey, dlib.rectangle(*box))
        points = [(shape.part(i).x, shape.part(i).y) for i in FROM_68]
        return np.array(points, np.float32)

    return find


def _largest_face(
    detector: Any, grey: UInt8[np.ndarray, "h w"]
) -> tuple[int, int, int, int] | None:
    """Return the box of the largest face: left, top, right, bottom in pixels."""
    boxes = [box for box, _ in detect_faces(detector, grey)]
    return boxes[0] if boxes else None


def detect_faces(
    detector: Any, grey: UInt8[np.ndarray, "h w"]
) -> list[tuple[tuple[int, int, int, int], float]]:
    """Return the box and dlib's score of every face, the largest first.

    Boxes are left, top, right, bottom in pixels of the full picture. The picture is
    grey because dlib finds more false faces in colour.
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
