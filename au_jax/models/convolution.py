"""3x3 convolution, with a filter gradient that XLA's CPU backend is fast at.

The one place where networks depend on the kind of device. Of the three convolutions of
a training step XLA:CPU computes the output and the gradient of the input well, but the
gradient of the kernel at a fifth of that speed. Winograd's minimal filtering (Lavin
and Gray 2016, section 4; F(4x4, 3x3)) turns it into 36 matrix products with a quarter
of the multiplications. Other devices compute what they always did.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Float

from au_jax.models import remat

TILE = 4
"""Side of the tiles of the output; those of the input overlap: 6 with a step of 4."""

MIN_CHANNELS = 32
"""Below it (narrow models, images) the transforms cost more than they save, and 36
products are slow to compile."""

INPUT_GRADIENT, KERNEL_GRADIENT = "input_gradient", "kernel_gradient"
"""Scopes, by which profiles tell the three convolutions of a training step apart."""

# B^T, A^T and G of F(4x4, 3x3): the interpolation points are 0, 1, -1, 2, -2, infinity.
INPUT = np.array(
    (
        (4, 0, -5, 0, 1, 0),
        (0, -4, -4, 1, 1, 0),
        (0, 4, -4, -1, 1, 0),
        (0, -2, -1, 2, 1, 0),
        (0, 2, -1, -2, 1, 0),
        (0, 4, 0, -5, 0, 1),
    ),
    np.float64,
)
OUTPUT = np.array(
    (
        (1, 1, 1, 1, 1, 0),
        (0, 1, -1, 2, -2, 0),
        (0, 1, 1, 4, 4, 0),
        (0, 1, -1, 8, -8, 1),
    ),
    np.float64,
)
KERNEL = np.array(
    (
        (1 / 4, 0, 0),
        (-1 / 6, -1 / 6, -1 / 6),
        (-1 / 6, 1 / 6, -1 / 6),
        (1 / 24, 1 / 12, 1 / 6),
        (1 / 24, -1 / 12, 1 / 6),
        (0, 0, 1),
    ),
    np.float64,
)


def convolve(
    x: Float[jax.Array, "b h w c"],
    kernel: Float[jax.Array, "3 3 c o"],
    *args: Any,
    **kwargs: Any,
) -> Float[jax.Array, "b h w o"]:
    """Convolution of stride 1 with one pixel of zeros around: `h` and `w` stay.

    What further arguments say has to be the same: they are those that `nn.Conv` passes
    to its `conv_general_dilated`.
    """
    del args, kwargs
    return remat.keep(_convolve(x, kernel))


@jax.custom_vjp
def _convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return plain(x, kernel)


def plain(
    x: Float[jax.Array, "b h w c"], kernel: Float[jax.Array, "3 3 c o"]
) -> Float[jax.Array, "b h w o"]:
    """The convolution as XLA has it."""
    return lax.conv_general_dilated(
        x, kernel, (1, 1), ((1, 1), (1, 1)), dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def _forward(
    x: jax.Array, kernel: jax.Array
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return plain(x, kernel), (x, kernel)


def _backward(
    saved: tuple[jax.Array, jax.Array], gradient: jax.Array
) -> tuple[jax.Array, jax.Array]:
    x, kernel = saved
    with jax.named_scope(INPUT_GRADIENT):
        (input_gradient,) = jax.vjp(lambda x: plain(x, kernel), x)[1](gradient)
    with jax.named_scope(KERNEL_GRADIENT):
        return input_gradient, kernel_gradient(x, gradient, kernel)


_convolve.defvjp(_forward, _backward)


def kernel_gradient(
    x: Float[jax.Array, "b h w c"],
    gradient: Float[jax.Array, "b h w o"],
    kernel: Float[jax.Array, "3 3 c o"],
) -> Float[jax.Array, "3 3 c o"]:
    """The gradient of the kernel, given that of the output."""

    def by_xla(x: jax.Array, gradient: jax.Array) -> jax.Array:
        return jax.vjp(lambda k: plain(x, k), kernel)[1](gradient)[0]

    half = jnp.finfo(x.dtype).bits < 32  # 16 bits are too few for the transforms
    if half or min(x.shape[-1], gradient.shape[-1]) < MIN_CHANNELS:
        return by_xla(x, gradient)
    return lax.platform_dependent(
        x, gradient, cpu=winograd_kernel_gradient, default=by_xla
    )


def winograd_kernel_gradient(
    x: Float[jax.Array, "b h w c"], gradient: Float[jax.Array, "b h w o"]
) -> Float[jax.Array, "3 3 c o"]:
    """sum over tiles of G^T [(B^T x B) * (A gradient A^T)] G, for all channel pairs.

    The transpose of Winograd's convolution with respect to its kernel. Zeros added to
    the gradient's right and lower side, up to whole tiles, change nothing.
    """
    _, h, w, _ = gradient.shape
    rest_h, rest_w = -h % TILE, -w % TILE
    tiles = (h + rest_h) // TILE, (w + rest_w) // TILE
    x = jnp.pad(x, ((0, 0), (1, 1 + rest_h), (1, 1 + rest_w), (0, 0)))
    gradient = jnp.pad(gradient, ((0, 0), (0, rest_h), (0, rest_w), (0, 0)))
    inputs = _transform(x, INPUT, tiles)
    gradients = _transform(gradient, OUTPUT.T, tiles)
    products = jnp.stack(
        [
            lax.dot_general(u, v, (((0,), (0,)), ((), ())))
            for u, v in zip(inputs, gradients, strict=True)
        ]
    )
    g = jnp.asarray(KERNEL, x.dtype)
    return jnp.einsum(
        "ia,jb,ijco->abco", g, g, products.reshape(6, 6, *products.shape[1:])
    )


def _transform(
    x: Float[jax.Array, "b h w c"],
    matrix: Float[np.ndarray, "n m"],
    tiles: tuple[int, int],
) -> list[Float[jax.Array, "t c"]]:
    """matrix @ tile @ matrix^T of all tiles: its 36 entries, each over all tiles."""
    entries = []
    for rows in _along(x, 1, matrix, tiles[0]):
        for entry in _along(rows, 2, matrix, tiles[1]):
            entries.append(entry.reshape(-1, entry.shape[-1]))
    return entries


def _along(
    x: Float[jax.Array, "b h w c"],
    axis: int,
    matrix: Float[np.ndarray, "n m"],
    tiles: int,
) -> list[Float[jax.Array, "b h2 w2 c"]]:
    """The matrix on the tiles of one axis, of as many pixels as it has columns."""
    last = TILE * (tiles - 1) + 1
    pixels = [
        lax.slice_in_dim(x, i, i + last, stride=TILE, axis=axis)
        for i in range(matrix.shape[1])
    ]
    return [
        jnp.asarray(
            sum(
                float(factor) * pixel
                for factor, pixel in zip(row, pixels, strict=True)
                if factor
            )
        )
        for row in matrix
    ]
