"""E_f, the feature encoder: image to features."""

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Float

from au_jax.models.layers import ConvBlock, average_pool, scaled
from au_jax.types import Array


class FeatureEncoder(nn.Module):
    """E_f (method.md section 2): the encoder that all tasks and both domains share.

    Its two parts are also the first two parts of the five-part landmark branch.
    """

    width: float = 1.0
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, image: Float[Array, "b h w 3"], train: bool = False
    ) -> Float[Array, "b f f c"]:
        """Map an image in -1..1 to features F in -1..1, with f = h / 4."""
        x = image
        for channels in (32, 64):
            for _ in range(2):
                x = ConvBlock(
                    scaled(channels, self.width), norm="batch", dtype=self.dtype
                )(x, train)
            x = average_pool(x)
        return jnp.tanh(x)
