"""The 49 facial landmarks: their choice, mirror images, eye distance, AU centres.

The functions use array methods only, so they work on NumPy and JAX arrays.
"""

from typing import Any

import numpy as np
from jaxtyping import Float

# NumPy or JAX arrays. Importing JAX here would delay each worker of `prepare`.
Points = Any

NUM_LANDMARKS = 49

# The 49 of dlib's 68 points: without the contour (0-16) and the inner mouth corners
# (60, 64). See method.md section 6.
FROM_68 = np.array([*range(17, 60), 61, 62, 63, 65, 66, 67])

LEFT_EYE = slice(19, 25)
RIGHT_EYE = slice(25, 31)
NOSE_TIP = 13
MOUTH_CORNERS = (31, 37)

# Point i of a mirrored face is point MIRROR[i] of the original.
MIRROR = np.array(
    [
        *(9, 8, 7, 6, 5, 4, 3, 2, 1, 0),  # brows
        *(10, 11, 12, 13, 18, 17, 16, 15, 14),  # nose
        *(28, 27, 26, 25, 30, 29, 22, 21, 20, 19, 24, 23),  # eyes
        *(37, 36, 35, 34, 33, 32, 31, 42, 41, 40, 39, 38),  # outer mouth
        *(45, 44, 43, 48, 47, 46),  # inner mouth
    ]
)


def eye_centres(
    landmarks: Float[Points, "*b 49 2"],
) -> tuple[Float[Points, "*b 2"], Float[Points, "*b 2"]]:
    """Return the mean of each eye's six points: left and right as seen in the image."""
    return (
        landmarks[..., LEFT_EYE, :].mean(axis=-2),
        landmarks[..., RIGHT_EYE, :].mean(axis=-2),
    )


def eye_distance(landmarks: Float[Points, "*b 49 2"]) -> Float[Points, "*b"]:
    """Return the distance between the eye centres, in the unit of `landmarks`."""
    left, right = eye_centres(landmarks)
    return ((left - right) ** 2).sum(axis=-1) ** 0.5


def check_inside(landmarks: Float[Points, "49 2"], height: int, width: int) -> None:
    """Raise a ValueError if the centre of the points is outside a picture."""
    x, y = landmarks.mean(axis=0)
    if not (0 <= x < width and 0 <= y < height):
        raise ValueError(
            f"landmarks around {x:.0f}, {y:.0f} in a picture of {width} x {height}"
        )


# The shift of each point in x and y, in units of the ruler (`refine_centres`).
SHIFT = np.zeros((NUM_LANDMARKS, 2))
for _points, _share in (
    ((4, 5), -1 / 2),
    ((1, 8), -1 / 3),
    ((2, 7), 1 / 3),
    ((24, 29), 1),
    ((15, 17), -1 / 2),
    ((39, 41), 1 / 2),
):
    SHIFT[_points, 1] = _share


def refine_centres(points: Float[Points, "*b 49 2"]) -> Float[Points, "*b 49 2"]:
    """Shift some landmarks to the places where AUs show (method.md section 6).

    The ruler is the horizontal distance between the inner eye corners.
    """
    ruler = abs(points[..., 22, 0] - points[..., 25, 0])
    shift = SHIFT.reshape((1,) * (points.ndim - 2) + SHIFT.shape)
    return points + ruler[..., None, None] * shift
