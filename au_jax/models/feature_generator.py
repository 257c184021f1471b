"""G_st, the feature generator: landmarks and a background back to features."""

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Float

from au_jax.models.layers import ConvBlock, scaled
from au_jax.types import Array


class FeatureGenerator(nn.Module):
    """G_st (method.md section 2): recombines landmark attention with a background.

    The attention enters as its sum over landmarks, in channel 0.
    """

    width: float = 1.0
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self,
        attention: Float[Array, "b f f 49"],
        background: Float[Array, "b f f c"],
    ) -> Float[Array, "b f f c2"]:
        """Map attention A and background features B to features in -1..1."""
        landmarks = attention.sum(axis=-1, keepdims=True)
        x = jnp.concatenate([landmarks, background], axis=-1)
        for channels in (128, 128, 64, 64, 64):
            x = ConvBlock(
                scaled(channels, self.width), norm="instance", dtype=self.dtype
            )(x)
        return jnp.tanh(x)
