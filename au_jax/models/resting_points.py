"""Where the landmarks of a face would be if no muscle moved it."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from au_jax.faces.landmarks import NUM_LANDMARKS
from au_jax.types import Array

RIGID = np.array([*range(10, 19), 19, 22, 25, 28])
"""The landmarks that AUs move least: the nose and the corners of the eyes."""

MEAN_FACE = np.array(
    [
        *((-0.89, -0.19), (-0.74, -0.32), (-0.54, -0.38), (-0.33, -0.37)),
        *((-0.14, -0.29), (0.14, -0.29), (0.33, -0.37), (0.54, -0.38)),
        *((0.74, -0.32), (0.89, -0.19)),  # brows
        *((0, -0.01), (0, 0.18), (0, 0.38), (0, 0.58)),
        *((-0.23, 0.71), (-0.12, 0.74), (0, 0.77), (0.12, 0.74), (0.23, 0.71)),  # nose
        *((-0.7, -0.01), (-0.57, -0.05), (-0.42, -0.05)),
        *((-0.29, 0.03), (-0.43, 0.04), (-0.59, 0.03)),
        *((0.29, 0.03), (0.42, -0.05), (0.57, -0.05)),
        *((0.7, -0.01), (0.59, 0.03), (0.43, 0.04)),  # eyes
        *((-0.41, 1.07), (-0.26, 0.99), (-0.11, 0.94), (0, 0.97), (0.11, 0.94)),
        *((0.26, 0.99), (0.41, 1.07), (0.26, 1.21), (0.11, 1.26), (0, 1.27)),
        *((-0.11, 1.26), (-0.26, 1.21)),  # outer mouth
        *((-0.11, 1.05), (0, 1.06), (0.11, 1.05)),
        *((0.11, 1.11), (0, 1.12), (-0.11, 1.11)),  # inner mouth
    ]
)
"""The mean of au_jax's landmarks, about the middle of the eyes, in eye distances.

It is a copy of that of `faces/cascade.npz`: trained detectors must not change when the
cascade is fitted anew.
"""

_PLACES = np.concatenate([MEAN_FACE, np.ones((NUM_LANDMARKS, 1))], axis=1)
_FROM_RIGID = np.asarray(_PLACES @ np.linalg.pinv(_PLACES[RIGID]), np.float32)


def resting_points(landmarks: Float[Array, "b 49 2"]) -> Float[Array, "b 49 2"]:
    """Return the landmarks of the mean face where this face is.

    An affine map places it, fitted to the rigid landmarks by least squares. So it
    follows the size and the turn of the face, and its yaw and pitch as if the face were
    flat.

    Args:
        landmarks: x, y in any unit.
    """
    # GPUs round the factors of other products to 11 bits, a tenth of a pixel.
    exact = jax.lax.Precision.HIGHEST
    rigid = landmarks[:, RIGID]
    return jnp.einsum("pr,brx->bpx", _FROM_RIGID, rigid, precision=exact)
