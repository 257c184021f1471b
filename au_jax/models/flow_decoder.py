"""The flow decoder: two embeddings to the flow that turns one face into the other."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Float

from au_jax.models.layers import conv3x3, scaled
from au_jax.models.remat import mark_saved
from au_jax.types import Array


class FlowDecoder(nn.Module):
    """FAb-Net's decoder (Wiles et al. 2018): from 1 x 1 to the image by doubling.

    Seven doublings lead to 128 pixels. The flow is then resized to the crop, because
    it is in units of the image.
    """

    outputs: int
    """Channels: 2 of a flow, or 3 of a flow with a mask."""
    side: int
    """Side of the result in pixels."""
    width: float = 1.0
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, embeddings: Float[Array, "b e"], train: bool = False
    ) -> Float[Array, "b s s o"]:
        """Map concatenated embeddings to values in -1..1."""
        x = embeddings[:, None, None]
        for channels in (256, 256, 256, 128, 64, 32):
            conv = conv3x3(scaled(channels, self.width), self.dtype, use_bias=False)
            x = conv(_doubled(nn.relu(x)))
            x = nn.BatchNorm(
                use_running_average=not train,
                momentum=0.9,
                epsilon=1e-5,
                dtype=self.dtype,
            )(x)
        x = conv3x3(self.outputs, self.dtype)(_doubled(nn.relu(x)))
        x = jnp.tanh(x.astype(jnp.float32))
        return jax.image.resize(
            x, (len(x), self.side, self.side, self.outputs), "bilinear"
        )


def _doubled(x: Float[Array, "b h w c"]) -> Float[Array, "b h2 w2 c"]:
    b, h, w, c = x.shape
    return mark_saved(jax.image.resize(x, (b, 2 * h, 2 * w, c), "bilinear"))
