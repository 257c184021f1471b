"""The shadow of the head on itself."""

import numpy as np
from jaxtyping import Float, Int

from au_jax.rendering import raster

SIZE = 160  # side of the shadow map in pixels
SCALE = 48.0  # pixels of the shadow map per decimetre
BIAS = 0.08  # decimetres; keeps a surface from shading itself


def unshadowed(
    turned: Float[np.ndarray, "v 3"],
    triangles: Int[np.ndarray, "t 3"],
    place: Float[np.ndarray, "n 3"],
    towards: Float[np.ndarray, "3"],
) -> Float[np.ndarray, " n"]:
    """Return the share of a lamp's light that reaches each place, by a shadow map."""
    side = np.cross((0.0, 1.0, 0.0), towards)
    side /= np.linalg.norm(side)
    axes = np.stack([side, np.cross(towards, side)]).astype(np.float32)
    flip = np.array([SCALE, -SCALE], np.float32)

    def to_map(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return points @ axes.T * flip + SIZE / 2, 10 - points @ towards

    hits = raster.rasterize(*to_map(turned), triangles, SIZE, SIZE)
    nearest = np.full(SIZE * SIZE, 100.0, np.float32)
    nearest[hits.pixels] = hits.depth
    nearest = nearest.reshape(SIZE, SIZE)
    at, depth = to_map(place)
    column, row = np.clip(np.round(at).astype(int), 1, SIZE - 2).T
    # The mean over neighbours softens the edge.
    around = [nearest[row + i, column + j] for i in (-1, 0, 1) for j in (-1, 0, 1)]
    return np.mean([depth < near + BIAS for near in around], axis=0)
