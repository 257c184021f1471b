"""The ten landmarks of the painted brows, which differ from person to person."""

import functools

import numpy as np
from jaxtyping import Float, Int

from au_jax.rendering import head, skin

ALONG = (0.02, 0.25, 0.5, 0.75, 0.98)
"""The places of five landmarks along a brow, from its inner end."""

ABOVE = 0.25
"""Their height above the middle of the brow, as a share of its thickness there."""


def landmarks(
    brow: tuple[float, float, float], vertices: Float[np.ndarray, "v k"]
) -> Float[np.ndarray, "10 k"]:
    """Return the landmarks of the brows, from the left of the picture.

    Args:
        brow: The brow of the person's look (`skin.Look`).
        vertices: The deformed mesh, or its places in a picture.
    """
    corners, weights = _places(brow)
    return (vertices[corners] * weights[..., None]).sum(axis=1)


@functools.lru_cache(maxsize=16)
def _places(
    brow: tuple[float, float, float],
) -> tuple[Int[np.ndarray, "10 3"], Float[np.ndarray, "10 3"]]:
    """Return the triangle that each landmark lies in, and its place there."""
    triangles, a, b, c = _forehead()
    corners, weights = [], []
    for side, places in ((-1, ALONG[::-1]), (1, ALONG)):
        for along in places:
            angle, height = skin.brow_line(brow, along, ABOVE)
            at = np.array((side * angle, height))
            area = _cross(b - a, c - a)
            in_a, in_b = _cross(b - at, c - at) / area, _cross(c - at, a - at) / area
            inside = np.stack([in_a, in_b, 1 - in_a - in_b], axis=1)
            best = np.argmax(inside.min(axis=1))
            corners.append(triangles[best])
            weights.append(inside[best])
    return np.array(corners), np.array(weights, np.float32)


@functools.cache
def _forehead() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the triangles about the brows, and the angle and height of each corner."""
    mesh = head.load()
    x, y, z = mesh.vertices.T
    place = np.stack([np.arctan2(x, z - skin.AXIS), y], axis=1)
    triangles = mesh.triangles[mesh.materials == head.SKIN]
    front = head.normals(mesh.vertices, mesh.triangles)[:, 2] > 0.2
    near = front & (y > 7.1) & (y < 8.0)
    triangles = triangles[near[triangles].all(axis=1)]
    a, b, c = (place[triangles[:, i]] for i in range(3))
    return triangles, a, b, c


def _cross(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]
