"""DRIT's content encoder: what an image shows, apart from its domain's appearance."""

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Float

from au_jax.models.layers import conv3x3, scaled
from au_jax.types import Array


class ContentEncoder(nn.Module):
    """E_c of DRIT (Lee et al. 2018), one instance per domain.

    A residual block that both domains share (`InstanceResidualBlock`) follows it.
    """

    width: float = 1.0
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, image: Float[Array, "b h h 3"]) -> Float[Array, "b f f c"]:
        """Map images in -1..1 to content; f = h / 4, and 256 channels at width 1."""
        x = nn.Conv(scaled(64, self.width), (7, 7), padding=3, dtype=self.dtype)(image)
        x = nn.leaky_relu(x, 0.01)
        for channels in (128, 256):
            x = nn.Conv(
                scaled(channels, self.width),
                (3, 3),
                strides=2,
                padding=1,
                use_bias=False,
                dtype=self.dtype,
            )(x)
            x = nn.relu(instance_norm(x))
        for _ in range(3):
            x = InstanceResidualBlock(self.dtype)(x)
        return x


class InstanceResidualBlock(nn.Module):
    """Two convolutions with instance norm beside an identity."""

    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b f f c"]) -> Float[Array, "b f f c"]:
        """Apply the block to `x`."""
        channels = x.shape[-1]
        y = conv3x3(channels, self.dtype, use_bias=False)(x)
        y = conv3x3(channels, self.dtype, use_bias=False)(nn.relu(instance_norm(y)))
        return x + instance_norm(y)


def instance_norm(x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
    """Normalise each channel of each image; call it inside an `nn.compact` method."""
    return nn.InstanceNorm(
        use_scale=False, use_bias=False, epsilon=1e-5, dtype=x.dtype
    )(x)
