"""The landmark branch behind E_f: features to 49 points."""

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Float

from au_jax.faces.landmarks import NUM_LANDMARKS
from au_jax.models.cbam import CBAM
from au_jax.models.layers import ConvBlock, average_pool, scaled
from au_jax.types import Array


class LandmarkDetector(nn.Module):
    """The landmark branch behind E_f (method.md section 2).

    It has the last three of the branch's five parts (E_f is the first two), then CBAM
    with its `reduction`, then two dense layers.
    """

    width: float = 1.0
    reduction: int = 16
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, features: Float[Array, "b f f c"], train: bool = False
    ) -> Float[Array, "b 49 2"]:
        """Map features F to landmark coordinates x, y in units of the crop side."""
        x = features
        for channels in (96, 128, 160):
            for _ in range(2):
                x = ConvBlock(
                    scaled(channels, self.width), norm="batch", dtype=self.dtype
                )(x, train)
            x = average_pool(x)
        x = CBAM(self.reduction, dtype=self.dtype)(x, train)
        x = x.reshape(x.shape[0], -1)
        # No activation between the two dense layers (method.md section 2).
        x = nn.Dense(scaled(512, self.width), dtype=self.dtype)(x)
        x = nn.Dense(2 * NUM_LANDMARKS, dtype=jnp.float32)(x)  # coordinates
        return x.reshape(-1, NUM_LANDMARKS, 2)
