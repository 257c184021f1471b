"""DRIT's generator: a content and attributes back to an image of a domain."""

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Float

from au_jax.models.content_encoder import InstanceResidualBlock
from au_jax.models.layers import SubpixelConv, scaled
from au_jax.types import Array


class ImageGenerator(nn.Module):
    """G of DRIT (Lee et al. 2018), one instance per domain.

    The attributes join the channels before each of its stages. Sub-pixel convolutions
    stand in for transposed ones.
    """

    width: float = 1.0
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, content: Float[Array, "b f f c"], attributes: Float[Array, "b 8"]
    ) -> Float[Array, "b h h 3"]:
        """Map content and attributes to images in -1..1, with h = 4 f."""
        x = _joined(content, attributes)
        for _ in range(3):
            x = InstanceResidualBlock(self.dtype)(x)
        for channels in (128, 64):
            x = SubpixelConv(scaled(channels, self.width), self.dtype)(
                _joined(x, attributes)
            )
            x = nn.LayerNorm(reduction_axes=(1, 2, 3), dtype=self.dtype)(x)
            x = nn.relu(x)
        x = nn.Conv(3, (1, 1), dtype=self.dtype)(_joined(x, attributes))
        return jnp.tanh(x)


def _joined(
    x: Float[Array, "b h w c"], attributes: Float[Array, "b 8"]
) -> Float[Array, "b h w c2"]:
    """Append the attributes to the channels of each pixel."""
    tiled = jnp.broadcast_to(
        attributes[:, None, None], (*x.shape[:3], attributes.shape[-1])
    )
    return jnp.concatenate([x, tiled.astype(x.dtype)], axis=-1)
