"""Rasterise triangles: a z-buffer in NumPy."""

import dataclasses

import numpy as np
from jaxtyping import Float, Int


@dataclasses.dataclass(frozen=True)
class Hits:
    """The n pixels that show a mesh."""

    pixels: Int[np.ndarray, " n"]  # row * width + column
    triangles: Int[np.ndarray, " n"]
    weights: Float[np.ndarray, "n 3"]  # barycentric, of the triangle's corners
    depth: Float[np.ndarray, " n"]  # distance from the camera


def rasterize(
    points: Float[np.ndarray, "v 2"],
    depth: Float[np.ndarray, " v"],
    triangles: Int[np.ndarray, "t 3"],
    height: int,
    width: int,
) -> Hits:
    """Find the nearest triangle that faces the camera, at the centre of each pixel.

    Args:
        points: x, y of the vertices in pixels; the centre of the first pixel is 0, 0.
        depth: The depth of the vertices; smaller is nearer.
        triangles: Their front faces the camera if they are clockwise (y down).
        height: Height of the picture in pixels.
        width: Width of the picture in pixels.
    """
    a, b, c = (points[triangles[:, i]] for i in range(3))
    low = np.ceil(np.minimum(np.minimum(a, b), c)).astype(np.int32)
    high = np.floor(np.maximum(np.maximum(a, b), c)).astype(np.int32)
    low = np.maximum(low, 0)
    high = np.minimum(high, (width - 1, height - 1))
    size = high - low + 1
    area = _cross(b - a, c - a)
    shown = np.flatnonzero((area < -1e-9) & (size > 0).all(axis=1)).astype(np.int32)
    a, b, c, area = a[shown], b[shown], c[shown], area[shown]
    size, low = size[shown], low[shown]

    # The weights of the corners a and b in the first pixel of a bounding box, and their
    # increase per column and row.
    first = low.astype(points.dtype)
    in_a = _cross(b - first, c - first) / area
    in_b = _cross(c - first, a - first) / area
    across_a, across_b = (b - c)[:, 1] / area, (c - a)[:, 1] / area
    down_a, down_b = (c - b)[:, 0] / area, (a - c)[:, 0] / area

    # Every pixel of every bounding box is a candidate.
    count = size[:, 0] * size[:, 1]
    which = np.repeat(np.arange(len(shown), dtype=np.int32), count)
    offset = np.arange(len(which), dtype=np.int32) - np.repeat(
        (np.cumsum(count) - count).astype(np.int32), count
    )
    row, column = np.divmod(offset, size[which, 0])
    weight_a = in_a[which] + across_a[which] * column + down_a[which] * row
    weight_b = in_b[which] + across_b[which] * column + down_b[which] * row
    weight_c = 1 - weight_a - weight_b
    inside = np.flatnonzero((weight_a >= 0) & (weight_b >= 0) & (weight_c >= 0))
    weights = np.stack([weight_a, weight_b, weight_c], axis=1)[inside]
    which, row, column = which[inside], row[inside], column[inside]
    pixels = (low[which, 1] + row) * width + low[which, 0] + column

    # The nearest candidate of each pixel is written last.
    z = (depth[triangles[shown]][which] * weights).sum(axis=1)
    order = np.argsort(-z, kind="stable")
    nearest = np.full(height * width, -1)
    nearest[pixels[order]] = order
    nearest = nearest[nearest >= 0]
    return Hits(
        pixels=pixels[nearest],
        triangles=shown[which[nearest]],
        weights=weights[nearest].astype(np.float32),
        depth=z[nearest].astype(np.float32),
    )


def interpolate(
    hits: Hits, triangles: Int[np.ndarray, "t 3"], values: Float[np.ndarray, "v k"]
) -> Float[np.ndarray, "n k"]:
    """Interpolate values of the vertices at the pixels, ignoring perspective."""
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
