"""D_d, the domain discriminator: a domain's own features against generated ones."""

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Float

from au_jax.models.layers import ConvBlock, prelu, scaled
from au_jax.types import Array


class DomainDiscriminator(nn.Module):
    """D_d (method.md section 2), one instance per domain.

    It needs f >= 32. The score map is a single cell up to f = 47 (the paper has
    f = 44). Larger crops yield more cells, over which `losses.least_squares` averages.
    """

    width: float = 1.0
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, features: Float[Array, "b f f c"]) -> Float[Array, "b p p"]:
        """Map features F or X to scores; the targets are 1 for own, 0 for generated."""
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
