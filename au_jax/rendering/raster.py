"""Which triangle a camera sees in each pixel, and where: a z-buffer in numpy."""

import dataclasses

import numpy as np
from jaxtyping import Float, Int


@dataclasses.dataclass(frozen=True)
class Hits:
    """The pixels that show a mesh; n of them."""

    pixels: Int[np.ndarray, " n"]  # row * width + column
    triangles: Int[np.ndarray, " n"]
    weights: Float[np.ndarray, "n 3"]  # of the triangle's corners
    depth: Float[np.ndarray, " n"]  # distance from the camera


def rasterize(
    points: Float[np.ndarray, "v 2"],
    depth: Float[np.ndarray, " v"],
    triangles: Int[np.ndarray, "t 3"],
    height: int,
    width: int,
) -> Hits:
    """The front-most triangle that faces the camera at each pixel's centre.

    Args:
      points: x, y of the vertices in pixels; the centre of the first pixel is 0, 0.
      depth: of the vertices; smaller is nearer.
      triangles: clockwise in the picture (y down) where they show their front.
      height: of the picture, in pixels.
      width: of the picture, in pixels.
    """
    a, b, c = (points[triangles[:, i]] for i in range(3))
    low = np.ceil(np.minimum(np.minimum(a, b), c)).astype(np.int32)
    high = np.floor(np.maximum(np.maximum(a, b), c)).astype(np.int32)
    low = np.maximum(low, 0)
    high = np.minimum(high, (width - 1, height - 1))
    size = high - low + 1
    area = _cross(b - a, c - a)
    shown = np.flatnonzero((area < -1e-9) & (size > 0).all(axis=1)).astype(np.int32)

    # Every pixel of every bounding box is a candidate.
    size, low = size[shown], low[shown]
    count = size[:, 0] * size[:, 1]
    which = np.repeat(np.arange(len(shown), dtype=np.int32), count)
    offset = np.arange(len(which), dtype=np.int32) - np.repeat(
        (np.cumsum(count) - count).astype(np.int32), count
    )
    x = low[which, 0] + offset % size[which, 0]
    y = low[which, 1] + offset // size[which, 0]
    which = shown[which]
    p = np.stack([x, y], axis=1).astype(np.float32)
    to_a, to_b, to_c = a[which] - p, b[which] - p, c[which] - p
    weights = np.stack(
        [_cross(to_b, to_c), _cross(to_c, to_a), _cross(to_a, to_b)], axis=1
    )
    inside = (weights <= 0).all(axis=1)
    which, weights = which[inside], weights[inside] / area[which[inside], None]
    pixels = (y * width + x)[inside]

    # The nearest candidate of each pixel is written last.
    z = (depth[triangles[which]] * weights).sum(axis=1)
    order = np.argsort(-z, kind="stable")
    nearest = np.full(height * width, -1)
    nearest[pixels[order]] = order
    nearest = nearest[nearest >= 0]
    return Hits(
        pixels=pixels[nearest],
        triangles=which[nearest],
        weights=weights[nearest].astype(np.float32),
        depth=z[nearest].astype(np.float32),
    )


def interpolate(
    hits: Hits, triangles: Int[np.ndarray, "t 3"], values: Float[np.ndarray, "v k"]
) -> Float[np.ndarray, "n k"]:
    """Values of the vertices at the pixels (without correction for perspective)."""
    corners = triangles[hits.triangles]
    w = hits.weights
    return (
        values[corners[:, 0]] * w[:, :1]
        + values[corners[:, 1]] * w[:, 1:2]
        + values[corners[:, 2]] * w[:, 2:]
    )


def _cross(
    u: Float[np.ndarray, "n 2"], v: Float[np.ndarray, "n 2"]
) -> Float[np.ndarray, " n"]:
    return u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
