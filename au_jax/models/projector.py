"""P: a learned change of basis on the reconstructed side of an alignment pair."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Float

from au_jax.types import Array


def identity_kernel(
    key: jax.Array, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32
) -> jax.Array:
    """A 1x1 convolution kernel (1, 1, c, c) that changes nothing."""
    del key
    return jnp.eye(shape[-1], dtype=dtype).reshape(shape)


class Projector(nn.Module):
    """P (method.md section 4): 1x1 convolution, identity at first.

    It stands on the reconstructed side only: projections on both sides of an L1 pair
    collapse to zero.
    """

    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, features: Float[Array, "b f f c"]) -> Float[Array, "b f f c"]:
        """Features to features."""
        return nn.Conv(
            features.shape[-1],
            (1, 1),
            use_bias=False,
            dtype=self.dtype,
            kernel_init=identity_kernel,
        )(features)
