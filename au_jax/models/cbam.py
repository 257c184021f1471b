"""CBAM, the Convolutional Block Attention Module (Woo et al. 2018)."""

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Float

from au_jax.types import Array


class CBAM(nn.Module):
    """A channel gate, then a spatial gate, without a residual (method.md section 2).

    `reduction` is r, the factor by which the channel gate's MLP narrows its input.
    """

    reduction: int = 16
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"], train: bool = False
    ) -> Float[Array, "b h w c"]:
        """Scale `x` by both gates, whose values are in 0..1."""
        channels = x.shape[-1]
        squeeze = nn.Dense(max(1, channels // self.reduction), dtype=self.dtype)
        excite = nn.Dense(channels, dtype=self.dtype)
        gate = sum(
            excite(nn.relu(squeeze(pool(x, axis=(1, 2)))))
            for pool in (jnp.mean, jnp.max)
        )
        x = x * nn.sigmoid(gate)[:, None, None, :]

        pooled = jnp.stack([x.max(axis=-1), x.mean(axis=-1)], axis=-1)
        gate = nn.Conv(1, (7, 7), padding=3, use_bias=False, dtype=self.dtype)(pooled)
        gate = nn.BatchNorm(
            use_running_average=not train,
            momentum=0.99,
            epsilon=1e-5,
            dtype=self.dtype,
        )(gate)
        return x * nn.sigmoid(gate)
