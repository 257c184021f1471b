"""The linear probe: an embedding to AU logits, to measure what the embedding knows."""

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Float

from au_jax.types import Array


class LinearProbe(nn.Module):
    """Batch norm and a linear layer, the probe of TCAE's and FAb-Net's code."""

    num_aus: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, embedding: Float[Array, "b e"], train: bool = False
    ) -> Float[Array, "b a"]:
        """Map embeddings to one logit per AU."""
        x = nn.BatchNorm(
            use_running_average=not train,
            momentum=0.9,
            epsilon=1e-5,
            dtype=self.dtype,
        )(embedding)
        return nn.Dense(self.num_aus, dtype=jnp.float32)(x)
