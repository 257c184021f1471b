"""The layers that the networks share."""

from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Float

from au_jax.models.convolution import convolve
from au_jax.models.remat import mark_saved
from au_jax.types import Array


def scaled(channels: int, width: float) -> int:
    """Return the paper's number of `channels` times `width`, rounded, at least 1."""
    return max(1, round(channels * width))


class ConvBlock(nn.Module):
    """Convolution, norm and PReLU (method.md section 2).

    The convolution keeps its bias for parity with ADLD, but the bias gets no gradient:
    its true gradient before a norm is zero, and Adam would amplify the rounding noise
    into differences between machines and device counts.
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
        """Apply the block to `x`.

        With `train`, batch norm uses the statistics of the batch and updates its
        running statistics; without it, batch norm uses the running statistics.
        """
        is_plain_3x3 = (self.kernel, self.stride, self.padding) == (3, 1, 1)
        y = nn.Conv(
            self.channels,
            (self.kernel, self.kernel),
            strides=self.stride,
            padding=self.padding,
            use_bias=False,
            dtype=self.dtype,
            conv_general_dilated=convolve if is_plain_3x3 else None,
            name="conv",
        )(x)
        x = y if is_plain_3x3 else mark_saved(y)  # `convolve` does it itself
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


class PReLU(nn.Module):
    """PReLU with a single slope, whose gradient is summed in float32.

    `nn.PReLU` sums it in the data type of the map. In bfloat16, a sum over all of a map
    stops growing long before its end.
    """

    @nn.compact
    def __call__(self, x: Float[Array, "*b"]) -> Float[Array, "*b"]:
        """Scale the negative numbers of `x` by the slope."""
        slope = self.param("negative_slope", nn.initializers.constant(0.25), ())
        if x.dtype != slope.dtype:
            # Broadcast, then round: the gradient goes back the other way round.
            slope = jnp.broadcast_to(slope, x.shape).astype(x.dtype)
        return jnp.where(x >= 0, x, slope * x)


def prelu(x: Float[Array, "*b"]) -> Float[Array, "*b"]:
    """PReLU with a single slope per layer, initialised to .25.

    Call it inside an `nn.compact` method: the slope becomes a parameter of that module.
    """
    return PReLU(name="prelu")(x)


def conv3x3(
    channels: int, dtype: DTypeLike, name: str | None = None, use_bias: bool = True
) -> nn.Conv:
    """A 3x3 convolution of stride 1 and padding 1; before a norm, without a bias."""
    return nn.Conv(
        channels,
        (3, 3),
        padding=1,
        use_bias=use_bias,
        dtype=dtype,
        conv_general_dilated=convolve,
        name=name,
    )


class SubpixelConv(nn.Module):
    """A convolution that doubles the sides of a map (Shi et al. 2016).

    It can compute what a 4x4 transposed convolution of stride 2 computes, which takes
    seven times as long to train on XLA:CPU.
    """

    channels: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h2 w2 c2"]:
        """Apply a 3x3 convolution to 4 c2 channels; each four become 2 x 2 pixels."""
        x = conv3x3(4 * self.channels, self.dtype)(x)
        b, h, w, _ = x.shape
        x = x.reshape(b, h, w, 2, 2, self.channels).transpose(0, 1, 3, 2, 4, 5)
        return x.reshape(b, 2 * h, 2 * w, self.channels)


def average_pool(x: Float[Array, "b h w c"]) -> Float[Array, "b h2 w2 c"]:
    """2x2 average pooling; an odd last row or column is dropped."""
    return nn.avg_pool(x, window_shape=(2, 2), strides=(2, 2))
