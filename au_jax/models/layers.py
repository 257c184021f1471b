"""What the networks are built of: convolution + norm + PReLU, and widths."""

from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Float

from au_jax.models.convolution import convolve
from au_jax.types import Array


def scaled(channels: int, width: float) -> int:
    """Channels of a layer that has `channels` in the paper, at a width multiplier."""
    return max(1, round(channels * width))


class ConvBlock(nn.Module):
    """Convolution, norm, PReLU (method.md section 2).

    The convolution's bias is kept for parity with ADLD but gets no gradient: behind a
    norm its true gradient is zero, and Adam would blow the rounding noise up into
    differences between machines and device counts.
    """

    channels: int
    norm: Literal["batch", "instance"]
    kernel: int = 3
    stride: int = 1
    padding: int = 1
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"], train: bool = False
    ) -> Float[Array, "b h2 w2 c2"]:
        """`train` says whether batch norm uses (and updates from) the batch."""
        usual = (self.kernel, self.stride, self.padding) == (3, 1, 1)
        x = nn.Conv(
            self.channels,
            (self.kernel, self.kernel),
            strides=self.stride,
            padding=self.padding,
            use_bias=False,
            dtype=self.dtype,
            conv_general_dilated=convolve if usual else None,
            name="conv",
        )(x)
        bias = self.param("bias", nn.initializers.zeros, (self.channels,))
        x = x + jax.lax.stop_gradient(bias).astype(x.dtype)[None, None, None]
        if self.norm == "batch":
            x = nn.BatchNorm(
                use_running_average=not train,
                momentum=0.9,
                epsilon=1e-5,
                dtype=self.dtype,
                name="norm",
            )(x)
        else:
            x = nn.InstanceNorm(
                use_scale=False, use_bias=False, epsilon=1e-5, dtype=self.dtype
            )(x)
        return prelu(x)


def prelu(x: Float[Array, "*b"]) -> Float[Array, "*b"]:
    """PReLU with one slope for the layer, .25 at first; call inside `nn.compact`."""
    return nn.PReLU(negative_slope_init=0.25, name="prelu")(x)


def conv3x3(channels: int, dtype: DTypeLike, name: str | None = None) -> nn.Conv:
    """A plain 3x3 convolution with a bias that learns."""
    return nn.Conv(
        channels,
        (3, 3),
        padding=1,
        dtype=dtype,
        conv_general_dilated=convolve,
        name=name,
    )


def average_pool(x: Float[Array, "b h w c"]) -> Float[Array, "b h2 w2 c"]:
    """2x2 average pooling; an odd last row or column is dropped (floor)."""
    return nn.avg_pool(x, window_shape=(2, 2), strides=(2, 2))
