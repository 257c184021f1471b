"""The embedder: features of a face to one vector, for training without labels."""

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Float

from au_jax.models.layers import scaled
from au_jax.models.remat import mark_saved
from au_jax.types import Array

EMBEDDING = 256
"""Numbers of an embedding at width 1."""


class FaceEmbedder(nn.Module):
    """The rear of FAb-Net's encoder (Wiles et al. 2018), behind E_f.

    There, eight convolutions of stride 2 reduce an image to a vector; here, E_f is in
    place of the first three, so that what it learns can start an AU detector.
    """

    width: float = 1.0
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, features: Float[Array, "b f f c"], train: bool = False
    ) -> Float[Array, "b e"]:
        """Map features F to an embedding; crops above 176 average what is left."""
        x = features
        for number, channels in enumerate((128, 256, 256, 256, EMBEDDING)):
            if number:
                x = nn.leaky_relu(x, 0.2)
            x = nn.Conv(
                scaled(channels, self.width),
                (4, 4),
                strides=2,
                padding=1,
                use_bias=number == 4,  # the others are before a norm
                dtype=self.dtype,
            )(x)
            x = mark_saved(x)
            if number < 4:
                x = nn.BatchNorm(
                    use_running_average=not train,
                    momentum=0.9,
                    epsilon=1e-5,
                    dtype=self.dtype,
                )(x)
        return x.mean(axis=(1, 2))
