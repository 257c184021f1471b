"""P, the projector: a learned change of basis for reconstructed features."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Float

from au_jax.types import Array


def identity_kernel(
    key: jax.Array, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32
) -> jax.Array:
    """Return a 1x1 convolution kernel, shape (1, 1, c, c), that is the identity."""
    del key
    return jnp.eye(shape[-1], dtype=dtype).reshape(shape)


class Projector(nn.Module):
    """P (eq. 2; method.md section 4): a 1x1 convolution initialised to the identity.

    Only the reconstructed side of an alignment pair has one, because learned
    projections on both sides of an L1 pair collapse to zero.
    """

    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, features: Float[Array, "b f f c"]) -> Float[Array, "b f f c"]:
        """Project reconstructed features."""
        return nn.Conv(
            features.shape[-1],
            (1, 1),
            use_bias=False,
            dtype=self.dtype,
            kernel_init=identity_kernel,
        )(features)
