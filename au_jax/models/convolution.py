"""A 3x3 convolution whose kernel gradient is fast on XLA's CPU backend.

This is the only place where a network depends on the kind of device. XLA:CPU computes
the output and the input gradient of a convolution efficiently, but the kernel gradient
at a fifth of that speed. Winograd's minimal filtering (Lavin and Gray 2016, section 4,
F(4x4, 3x3)) turns it into 36 matrix products with a quarter of the multiplications.
On all other devices XLA's own kernel gradient is used.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Float

from au_jax.models import remat

TILE = 4
"""Side of an output tile in pixels.

Input tiles have a side of 6 and overlap: one starts every 4 pixels.
"""

MIN_CHANNELS = 32
"""The fewest channels for which Winograd's algorithm is used.

With fewer (images, narrow models) the transforms cost more than they save.
"""

INPUT_GRADIENT, KERNEL_GRADIENT = "input_gradient", "kernel_gradient"
"""Named scopes by which a profile identifies the convolutions of the backward pass."""

# B^T, A^T and G of F(4x4, 3x3): the interpolation points are 0, 1, -1, 2, -2, infinity.
INPUT_TRANSFORM = np.array(
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
OUTPUT_TRANSFORM = np.array(
    (
        (1, 1, 1, 1, 1, 0),
        (0, 1, -1, 2, -2, 0),
        (0, 1, 1, 4, 4, 0),
        (0, 1, -1, 8, -8, 1),
    ),
    np.float64,
)
KERNEL_TRANSFORM = np.array(
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
    """A convolution of stride 1 with zero padding of one pixel; `h` and `w` stay.

    The signature is that of `lax.conv_general_dilated`, so that `nn.Conv` can take this
    function in its place. The further arguments (strides, padding, dimension numbers)
    are ignored: the caller must ask for the same stride, padding and layout.
    """
    del args, kwargs
    return remat.mark_saved(_convolve(x, kernel))


@jax.custom_vjp
def _convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return xla_convolution(x, kernel)


def xla_convolution(
    x: Float[jax.Array, "b h w c"], kernel: Float[jax.Array, "3 3 c o"]
) -> Float[jax.Array, "b h w o"]:
    """The same convolution with XLA's own gradients."""
    return lax.conv_general_dilated(
        x, kernel, (1, 1), ((1, 1), (1, 1)), dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def _forward(
    x: jax.Array, kernel: jax.Array
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return xla_convolution(x, kernel), (x, kernel)


def _backward(
    saved: tuple[jax.Array, jax.Array], gradient: jax.Array
) -> tuple[jax.Array, jax.Array]:
    x, kernel = saved
    with jax.named_scope(INPUT_GRADIENT):
        (input_gradient,) = jax.vjp(lambda x: xla_convolution(x, kernel), x)[1](
            gradient
        )
    with jax.named_scope(KERNEL_GRADIENT):
        return input_gradient, kernel_gradient(x, gradient, kernel)


_convolve.defvjp(_forward, _backward)


def kernel_gradient(
    x: Float[jax.Array, "b h w c"],
    gradient: Float[jax.Array, "b h w o"],
    kernel: Float[jax.Array, "3 3 c o"],
) -> Float[jax.Array, "3 3 c o"]:
    """Return the kernel gradient, given the gradient of the output."""

    def by_xla(x: jax.Array, gradient: jax.Array) -> jax.Array:
        return jax.vjp(lambda k: xla_convolution(x, k), kernel)[1](gradient)[0]

    is_half = jnp.finfo(x.dtype).bits < 32  # too few bits for the transforms
    if is_half or min(x.shape[-1], gradient.shape[-1]) < MIN_CHANNELS:
        return by_xla(x, gradient)
    return lax.platform_dependent(
        x, gradient, cpu=winograd_kernel_gradient, default=by_xla
    )


def winograd_kernel_gradient(
    x: Float[jax.Array, "b h w c"], gradient: Float[jax.Array, "b h w o"]
) -> Float[jax.Array, "3 3 c o"]:
    """Return the kernel gradient by Winograd's algorithm.

    For each pair of channels it is the sum over tiles of
    G^T [(B^T x B) * (A gradient A^T)] G, the transpose of Winograd's convolution with
    respect to its kernel. The gradient is padded to whole tiles at the bottom and the
    right; the zeros do not change the sum.

    The sum runs over one image at a time, because the transforms of a whole batch leave
    the CPU's caches. Devices that share a batch therefore gather it.
    """
    _, h, w, out = gradient.shape
    rest_h, rest_w = -h % TILE, -w % TILE
    tiles = (h + rest_h) // TILE, (w + rest_w) // TILE
    x = jnp.pad(x, ((0, 0), (1, 1 + rest_h), (1, 1 + rest_w), (0, 0)))
    gradient = jnp.pad(gradient, ((0, 0), (0, rest_h), (0, rest_w), (0, 0)))

    def add_image(
        total: Float[jax.Array, "36 c o"],
        image: tuple[Float[jax.Array, "h w c"], Float[jax.Array, "h2 w2 o"]],
    ) -> tuple[Float[jax.Array, "36 c o"], None]:
        inputs = _transform(image[0], INPUT_TRANSFORM, tiles)
        gradients = _transform(image[1], OUTPUT_TRANSFORM.T, tiles)
        return total + jnp.einsum("ntc,nto->nco", inputs, gradients), None

    zeros = jnp.zeros((36, x.shape[-1], out), x.dtype)
    total, _ = lax.scan(add_image, zeros, (x, gradient))
    g = jnp.asarray(KERNEL_TRANSFORM, x.dtype)
    return jnp.einsum("ia,jb,jico->abco", g, g, total.reshape(6, 6, *zeros.shape[1:]))


def _transform(
    x: Float[jax.Array, "h w c"],
    matrix: Float[np.ndarray, "6 m"],
    tiles: tuple[int, int],
) -> Float[jax.Array, "36 t c"]:
    """Return matrix @ tile @ matrix^T for all `t` tiles.

    The first axis holds the product's entries, column by column.
    """
    rows = _transform_axis(x, 0, matrix, tiles[0])
    entries = _transform_axis(rows, 2, matrix, tiles[1])
    return entries.reshape(36, -1, x.shape[-1])


def _transform_axis(
    x: Float[jax.Array, "*shape"],
    axis: int,
    matrix: Float[np.ndarray, "6 m"],
    tiles: int,
) -> Float[jax.Array, "6 *tiled"]:
    """Multiply the tiles along one axis by the matrix; stack the rows of the product.

    A tile has as many pixels along the axis as the matrix has columns.
    """
    last = TILE * (tiles - 1) + 1
    pixels = [
        lax.slice_in_dim(x, i, i + last, stride=TILE, axis=axis)
        for i in range(matrix.shape[1])
    ]
    return jnp.stack(
        [
            jnp.asarray(
                sum(
                    float(factor) * pixel
                    for factor, pixel in zip(row, pixels, strict=True)
                    if factor
                )
            )
            for row in matrix
        ]
    )
