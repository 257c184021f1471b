"""D_l, the landmark discriminator: landmarks that are left in the background."""

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Float

from au_jax.faces.landmarks import NUM_LANDMARKS
from au_jax.models.layers import ConvBlock, conv3x3, scaled
from au_jax.types import Array


class LandmarkDiscriminator(nn.Module):
    """D_l (method.md section 2): tries to locate landmarks in background features.

    Its maps enter least-squares losses as they are, so there is no softmax.
    """

    width: float = 1.0
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, background: Float[Array, "b f f c"]) -> Float[Array, "b f f 49"]:
        """Map background features B to one score map per landmark."""
        x = background
        for _ in range(4):
            x = ConvBlock(scaled(64, self.width), norm="instance", dtype=self.dtype)(x)
        return conv3x3(NUM_LANDMARKS, self.dtype)(x)
