"""T2Net's translator: an image of one domain to one that looks like the other's."""

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Float

from au_jax.models.layers import (
    ConvBlock,
    SubpixelConv,
    average_pool,
    prelu,
    scaled,
)
from au_jax.models.remat import mark_saved
from au_jax.types import Array

RESIDUAL_BLOCKS = 7


class ImageTranslator(nn.Module):
    """G of T2Net (Zheng, Cham and Cai 2018): encoder, residual blocks, decoder.

    Both domains pass through as one batch, so that batch norm sees both. Sub-pixel
    convolutions stand in for transposed ones.
    """

    width: float = 1.0
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, image: Float[Array, "b h h 3"], train: bool = False
    ) -> Float[Array, "b h h 3"]:
        """Map images in -1..1 to images in -1..1."""
        narrow, wide = (scaled(channels, self.width) for channels in (64, 128))
        x = _convolve(_reflected(image, 3), narrow, 7, self.dtype, use_bias=False)
        x = prelu(_normed(x, train, self.dtype))
        for _ in range(2):
            for _ in range(2):
                x = ConvBlock(wide, norm="batch", dtype=self.dtype)(x, train)
            x = average_pool(x)
        for _ in range(RESIDUAL_BLOCKS):
            x = ResidualBlock(wide, self.dtype)(x, train)
        for channels in (wide, narrow):
            x = ConvBlock(channels, norm="batch", dtype=self.dtype)(x, train)
            x = SubpixelConv(channels, self.dtype)(x)
            x = nn.relu(_normed(x, train, self.dtype))
        return jnp.tanh(_convolve(_reflected(x, 3), 3, 7, self.dtype))


class ResidualBlock(nn.Module):
    """Two convolutions with batch norm beside an identity, then PReLU."""

    channels: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"], train: bool = False
    ) -> Float[Array, "b h w c"]:
        """Apply the block to `x`."""
        y = ConvBlock(self.channels, norm="batch", padding=0, dtype=self.dtype)(
            _reflected(x, 1), train
        )
        y = _convolve(_reflected(y, 1), self.channels, 3, self.dtype, use_bias=False)
        return prelu(x + _normed(y, train, self.dtype))


def _reflected(x: Float[Array, "b h w c"], size: int) -> Array:
    sides = ((0, 0), (size, size), (size, size), (0, 0))
    return jnp.pad(x, sides, mode="reflect")


def _convolve(
    x: Float[Array, "b h w c"],
    channels: int,
    kernel: int,
    dtype: DTypeLike,
    use_bias: bool = True,
) -> Array:
    return mark_saved(
        nn.Conv(
            channels, (kernel, kernel), padding="VALID", use_bias=use_bias, dtype=dtype
        )(x)
    )


def _normed(x: Float[Array, "b h w c"], train: bool, dtype: DTypeLike) -> Array:
    return nn.BatchNorm(
        use_running_average=not train, momentum=0.9, epsilon=1e-5, dtype=dtype
    )(x)
