"""What networks see of the landmarks: a map about each, and where they are."""

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Float

from au_jax.faces.landmarks import eye_centres, eye_distance
from au_jax.types import Array

SHAPE_SHARE = 0.3
"""The weight of the landmarks' own coordinates beside the patches."""


def sample_patches(
    x: Float[Array, "b f f c"],
    landmarks: Float[Array, "b 49 2"],
    cell: int,
    points: int,
    spacing: Float[Array, "b"],
) -> Float[Array, "b 49 q c"]:
    """Return a map at a square of points about each landmark, row by row.

    Values between cells are interpolated; beyond the border, those of the border count.
    Where this gathers, products with interpolation matrices would take 14 times as long
    on XLA:CPU.

    Args:
        x: A map of the crop.
        landmarks: x, y in units of the crop side.
        cell: Pixels of the crop along each side of a cell of the map.
        points: Points along each side of the square; q is its square.
        spacing: Cells between neighbouring points, for each image.
    """
    b, f, _, c = x.shape
    steps = np.arange(points, dtype=np.float32) - (points - 1) / 2
    steps = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    # The centres of pixels, and those of cells, have integer coordinates.
    centres = landmarks * f + (0.5 / cell - 0.5)
    at = centres[:, :, None] + spacing[:, None, None, None] * steps[None, None]
    at = jnp.clip(at.reshape(b, -1, 2), 0, f - 1)
    first = jnp.minimum(jnp.floor(at), f - 2).astype(jnp.int32)
    share = (at - first).astype(x.dtype)
    cells, total = x.reshape(b, f * f, c), jnp.zeros((), x.dtype)
    for dy in (0, 1):
        for dx in (0, 1):
            step = np.array((dx, dy), np.int32)
            near = first + step[None, None]
            index = near[..., 1] * f + near[..., 0]
            weight = jnp.where(step[None, None] == 1, share, 1 - share).prod(axis=-1)
            values = jnp.take_along_axis(cells, index[..., None], axis=1)
            total = total + weight[..., None] * values
    return total.reshape(b, landmarks.shape[1], len(steps), c)


def shape(landmarks: Float[Array, "b 49 2"]) -> Float[Array, "b 98"]:
    """Return landmarks about the middle of the eyes, in eye distances."""
    left, right = eye_centres(landmarks)
    middle, distance = (left + right) / 2, eye_distance(landmarks)
    distance = jnp.maximum(distance, 1e-6)  # padding has landmarks that are all 0
    relative = (landmarks - middle[:, None]) / distance[:, None, None]
    return relative.reshape(relative.shape[0], -1)


def shape_norm(train: bool, dtype: DTypeLike) -> nn.BatchNorm:
    """Make the batch norm that gives each coordinate of `shape` a variance of 1.

    Call it inside an `nn.compact` method: its statistics belong to that module.
    """
    return nn.BatchNorm(
        use_running_average=not train,
        momentum=0.9,
        use_scale=False,
        use_bias=False,
        dtype=dtype,
        name="shape_norm",
    )
