"""Maps of true landmarks, in the form that E_l gives to detected ones."""

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Float, Int

from au_jax.faces.landmarks import refine_centres
from au_jax.types import Array


def one_hot_maps(
    cells: Int[Array, "*b k"], side: int, dtype: DTypeLike = jnp.float32
) -> Float[Array, "*b f f k"]:
    """Return one map per landmark: 1 in its cell, 0 elsewhere.

    Args:
        cells: The indices y * f + x of the cells.
        side: The side f of the maps.
        dtype: The type of the maps.
    """
    *batch, k = cells.shape
    maps = jax.nn.one_hot(cells, side * side, axis=-2, dtype=dtype)
    return maps.reshape(*batch, side, side, k)


def true_maps(
    landmarks: Float[Array, "*b 49 2"], features: Float[Array, "*b f f c"]
) -> Float[Array, "*b f f 49"]:
    """Return the maps of the landmarks of crops that are not mirrored.

    Args:
        landmarks: x, y in units of the crop's side.
        features: The features of the crops, for the size and type of the maps.
    """
    side = features.shape[-2]
    return one_hot_maps(landmark_cells(landmarks, side), side, features.dtype)


def landmark_cells(
    landmarks: Float[Array, "*b 49 2"], side: int
) -> Int[Array, "*b 49"]:
    """Return the cells of the landmarks of crops that are not mirrored.

    `data.transforms.landmark_cells` is the same in NumPy, for the crops of training.

    Args:
        landmarks: x, y in units of the crop's side.
        side: The side f of the map.
    """
    points = jnp.rint(refine_centres(landmarks * side))
    cells = jnp.clip(points, 0, side - 1).astype(jnp.int32)
    return cells[..., 1] * side + cells[..., 0]
