"""The image discriminator: does a patch belong to a domain's own images?"""

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Float

from au_jax.models.layers import scaled
from au_jax.types import Array


class ImageDiscriminator(nn.Module):
    """A PatchGAN of five convolutions (Isola et al. 2017), at one scale.

    T2Net and DRIT use it with batch norm or without norm; here instance norm stands in
    the middle layers, as in the discriminators of features.
    """

    width: float = 1.0
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, image: Float[Array, "b h h 3"]) -> Float[Array, "b p p"]:
        """Map images to a score per patch: high for the domain's own."""
        x = image
        for number, channels in enumerate((64, 128, 256, 512)):
            x = nn.Conv(
                scaled(channels, self.width),
                (4, 4),
                strides=2 if number < 3 else 1,
                padding=1,
                use_bias=not number,  # before a norm, Adam would amplify its noise
                dtype=self.dtype,
            )(x)
            if number:
                x = nn.InstanceNorm(
                    use_scale=False, use_bias=False, epsilon=1e-5, dtype=self.dtype
                )(x)
            x = nn.leaky_relu(x, 0.2)
        return nn.Conv(1, (4, 4), padding=1, dtype=self.dtype)(x)[..., 0]
