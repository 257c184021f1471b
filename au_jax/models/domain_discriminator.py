"""D_d: tells a domain's own features from generated ones."""

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Float

from au_jax.models.layers import ConvBlock, prelu, scaled
from au_jax.types import Array


class DomainDiscriminator(nn.Module):
    """D_d (method.md section 2), one per domain. Needs f >= 32.

    At the paper's f = 44 (and up to 47) the map of scores is one cell; larger crops
    give more, which least squares averages like everything else.
    """

    width: float = 1.0
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, features: Float[Array, "b f f c"]) -> Float[Array, "b p p"]:
        """Features to scores: 1 for the domain's own, 0 for generated."""
        x = features
        for channels in (64, 64, 128):
            x = ConvBlock(
                scaled(channels, self.width),
                norm="instance",
                kernel=4,
                stride=2,
                dtype=self.dtype,
            )(x)
        x = nn.Conv(
            scaled(128, self.width), (4, 4), strides=2, padding=0, dtype=self.dtype
        )(x)
        x = prelu(x)
        return nn.Conv(1, (1, 1), dtype=self.dtype)(x)[..., 0]
