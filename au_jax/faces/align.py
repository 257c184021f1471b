"""Align a face to a square of 200 pixels (method.md section 6).

Preparation and prediction share these functions. The settings are stored with the data
and the models, so both cut out faces in the same way.
"""

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from au_jax.faces.landmarks import MOUTH_CORNERS, NOSE_TIP, eye_centres

SIZE = 200
ENLARGE = 2.8
BORDER = 128  # the grey outside the picture


def alignment_matrix(
    landmarks: Float[np.ndarray, "49 2"], size: int = SIZE, enlarge: float = ENLARGE
) -> Float[np.ndarray, "2 3"]:
    """Return the similarity transform from image pixels to the aligned square.

    It makes the eye centres level. The square around {both eye centres, nose tip, mouth
    corners} has the half side .5 * enlarge * their larger extent (method.md section 6).

    Args:
        landmarks: x, y in pixels of the image.
        size: Side of the aligned square in pixels.
        enlarge: Side of the square over the larger extent of the five points.

    Raises:
        ValueError: the eyes or all five points coincide, or are not finite.
    """
    points = landmarks.astype(np.float64)
    left, right = eye_centres(points)
    dx, dy = right - left
    length = np.hypot(dx, dy)
    if not (np.isfinite(points).all() and length > 0):
        raise ValueError("the landmarks are not those of a face")
    rotation = np.array([[dx, dy], [-dy, dx]]) / length
    corners = points[[NOSE_TIP, *MOUTH_CORNERS]]
    five = np.stack([left, right, *corners]) @ rotation.T
    low, high = five.min(axis=0), five.max(axis=0)
    half = 0.5 * enlarge * (high - low).max()
    scale = (size - 1) / 2 / half
    # The centre of the box maps to the centre of the square, pixel (size - 1) / 2.
    shift = (size - 1) / 2 - scale * (low + high) / 2
    return np.concatenate([scale * rotation, shift[:, None]], axis=1)


def align_landmarks(
    landmarks: Float[np.ndarray, "k 2"], matrix: Float[np.ndarray, "2 3"]
) -> Float[np.ndarray, "k 2"]:
    """Map points from pixels of the image to pixels of the aligned square."""
    return landmarks @ matrix[:, :2].T + matrix[:, 2]


def align_image(
    image: UInt8[np.ndarray, "h w 3"],
    matrix: Float[np.ndarray, "2 3"],
    size: int = SIZE,
) -> UInt8[np.ndarray, "{size} {size} 3"]:
    """Cut the aligned square out of an image: bilinear, grey 128 outside."""
    return cv2.warpAffine(
        image,
        matrix,
        (size, size),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(BORDER, BORDER, BORDER),
    )
