"""G_st: one domain's landmarks on a background, as features."""

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Float

from au_jax.models.layers import ConvBlock, scaled
from au_jax.types import Array


class FeatureGenerator(nn.Module):
    """G_st (method.md section 2)."""

    width: float = 1.0
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self,
        attention: Float[Array, "b f f 49"],
        background: Float[Array, "b f f c"],
    ) -> Float[Array, "b f f c2"]:
        """Attention (summed over landmarks) and background to features in -1..1."""
        landmarks = attention.sum(axis=-1, keepdims=True)
        x = jnp.concatenate([landmarks, background], axis=-1)
        for channels in (128, 128, 64, 64, 64):
            x = ConvBlock(
                scaled(channels, self.width), norm="instance", dtype=self.dtype
            )(x)
        return jnp.tanh(x)
