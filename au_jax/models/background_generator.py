"""G_b, the background generator: features without their landmark information."""

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Float

from au_jax.models.layers import ConvBlock, scaled
from au_jax.types import Array


class BackgroundGenerator(nn.Module):
    """G_b (method.md section 2): extracts landmark-free ("background") features."""

    width: float = 1.0
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, features: Float[Array, "b f f c"]) -> Float[Array, "b f f c2"]:
        """Map features F or X to background features B in -1..1."""
        x = features
        for _ in range(4):
            x = ConvBlock(scaled(64, self.width), norm="instance", dtype=self.dtype)(x)
        return jnp.tanh(x)
