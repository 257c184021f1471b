"""Histograms of oriented gradients (HOG, Dalal and Triggs 2005), computed by XLA."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from au_jax.types import Array

ORIENTATIONS = 16
"""Of a whole turn, because a dark line on bright skin is not a bright one on dark."""

STRIDE = 2
"""Pixels between neighbouring cells of a map; the cells overlap."""

_GREY = np.array([0.299, 0.587, 0.114], np.float32)  # of R, G, B


def orientations(image: Float[Array, "b h w 3"]) -> Float[Array, "b h w o"]:
    """Return the strength of each pixel's gradient, by orientation.

    It counts for both neighbouring orientations, in proportion. The gradient is that of
    the square root of the brightness, as Dalal and Triggs recommend.

    Args:
        image: In -1..1, whose brightness counts as 0..255.
    """
    grey = jnp.asarray((image + 1) * 127.5, jnp.float32) @ _GREY
    root = jnp.sqrt(grey.clip(0))
    y_slope, x_slope = jnp.gradient(root, axis=(1, 2))
    strength = jnp.hypot(x_slope, y_slope)
    turn = jnp.arctan2(y_slope, x_slope) * (ORIENTATIONS / (2 * jnp.pi))
    bins = np.arange(ORIENTATIONS, dtype=np.float32)
    # The turn is at least -ORIENTATIONS / 2: on one of two ways round it is nearest.
    apart = turn[..., None] - bins[None, None, None]
    apart = jnp.minimum(jnp.abs(apart), jnp.abs(apart + ORIENTATIONS))
    return strength[..., None] * (1 - apart).clip(0)


def histograms(
    by_orientation: Float[Array, "b h w o"], side: int
) -> Float[Array, "b h2 w2 o"]:
    """Sum gradients over square cells, one about each 2 x 2 pixels.

    Columns are summed before rows: on XLA:CPU, a square window takes 2 to 7 times as
    long.

    Args:
        by_orientation: The result of `orientations`.
        side: The side of a cell in pixels; an even number.
    """
    before = side // 2 - 1
    around, none = (before, side - STRIDE - before), (0, 0)
    columns = jax.lax.reduce_window(
        by_orientation,
        0.0,
        jax.lax.add,
        window_dimensions=(1, side, 1, 1),
        window_strides=(1, STRIDE, 1, 1),
        padding=(none, around, none, none),
    )
    return jax.lax.reduce_window(
        columns,
        0.0,
        jax.lax.add,
        window_dimensions=(1, 1, side, 1),
        window_strides=(1, 1, STRIDE, 1),
        padding=(none, none, around, none),
    )
