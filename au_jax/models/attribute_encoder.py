"""DRIT's attribute encoder: how an image's domain makes it look, as a few numbers."""

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Float

from au_jax.models.layers import scaled
from au_jax.types import Array

ATTRIBUTES = 8


class AttributeEncoder(nn.Module):
    """E_a of DRIT (Lee et al. 2018), one instance per domain.

    The official one has residual blocks; here, plain convolutions reduce the image.
    """

    width: float = 1.0
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, image: Float[Array, "b h h 3"]) -> Float[Array, "b 2 8"]:
        """Map images to the mean and the log variance of their attributes."""
        x = nn.Conv(
            scaled(64, self.width), (7, 7), strides=2, padding=3, dtype=self.dtype
        )(image)
        for channels in (128, 256, 256):
            x = nn.Conv(
                scaled(channels, self.width),
                (4, 4),
                strides=2,
                padding=1,
                dtype=self.dtype,
            )(nn.relu(x))
        x = nn.relu(x).mean(axis=(1, 2))
        x = nn.Dense(2 * ATTRIBUTES, dtype=self.dtype)(x)
        return x.reshape(-1, 2, ATTRIBUTES).astype(jnp.float32)
