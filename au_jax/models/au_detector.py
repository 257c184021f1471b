"""E_au, the action-unit (AU) detector: features to one logit per AU."""

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Float

from au_jax.models.layers import ConvBlock, conv3x3, scaled
from au_jax.types import Array


class AuBranch(nn.Module):
    """The branch of E_au that detects one AU (method.md section 2)."""

    width: float = 1.0
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, features: Float[Array, "b f f c"], train: bool = False
    ) -> Float[Array, "b"]:
        """Map features F to the logit of this branch's AU."""
        x = features
        for _ in range(3):
            x = ConvBlock(scaled(64, self.width), norm="batch", dtype=self.dtype)(
                x, train
            )
        x = conv3x3(scaled(64, self.width), self.dtype)(x)
        return nn.Dense(1, dtype=self.dtype)(x.mean(axis=(1, 2)))[:, 0]


class AuDetector(nn.Module):
    """E_au (method.md section 2): one `AuBranch` per AU.

    The branches are a Python loop because `nn.vmap` and grouped convolutions train 20
    to 70 times slower on XLA:CPU.
    """

    num_aus: int
    width: float = 1.0
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, features: Float[Array, "b f f c"], train: bool = False
    ) -> Float[Array, "b a"]:
        """Map features F to one logit per AU, in the order of `config.data.aus`."""
        return jnp.stack(
            [
                AuBranch(self.width, self.dtype, name=f"branch_{i}")(features, train)
                for i in range(self.num_aus)
            ],
            axis=-1,
        )
