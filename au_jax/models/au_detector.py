"""E_au, the action-unit (AU) detector: features to one logit per AU."""

from typing import Literal

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Float

from au_jax.models.landmark_patches import (
    SHAPE_SHARE,
    sample_patches,
    shape,
    shape_norm,
)
from au_jax.models.layers import ConvBlock, conv3x3, scaled
from au_jax.types import CELL, Array

GRID = 8
"""Cells along each side of the grid to which a map can be averaged."""

PATCH, SPACING = 3, 2.0
"""Points along each side of the patch about a landmark, and cells between them."""

Pooling = Literal["global", "grid", "landmarks"]
"""What a branch sees of its map: the mean over it, as in ADLD; the means of 8 x 8
cells, which keep the place in the image; or patches about the landmarks, which keep the
place in the face, and the landmarks themselves."""


class AuBranch(nn.Module):
    """The branch of E_au that detects one AU (method.md section 2)."""

    pooling: Pooling = "global"
    width: float = 1.0
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self,
        features: Float[Array, "b f f c"],
        landmarks: Float[Array, "b 49 2"],
        train: bool = False,
    ) -> Float[Array, "b"]:
        """Map features F to the logit of this branch's AU."""
        x = features
        for _ in range(3):
            x = ConvBlock(scaled(64, self.width), norm="batch", dtype=self.dtype)(
                x, train
            )
        x = conv3x3(scaled(64, self.width), self.dtype)(x)
        if self.pooling == "global":
            x = x.mean(axis=(1, 2))
        elif self.pooling == "grid":
            x = average_to_grid(x).reshape(x.shape[0], -1)
        else:
            spacing = jnp.full(x.shape[0], SPACING, jnp.float32)
            patches = sample_patches(x, landmarks, CELL, PATCH, spacing)
            points = shape_norm(train, self.dtype)(shape(landmarks))
            x = jnp.concatenate(
                [patches.reshape(x.shape[0], -1), SHAPE_SHARE * points], axis=-1
            )
        return nn.Dense(1, dtype=jnp.float32)(x)[:, 0]


class AuDetector(nn.Module):
    """E_au (method.md section 2): one `AuBranch` per AU.

    The branches are a Python loop because `nn.vmap` and grouped convolutions train 20
    to 70 times slower on XLA:CPU.
    """

    num_aus: int
    pooling: Pooling = "global"
    width: float = 1.0
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self,
        features: Float[Array, "b f f c"],
        landmarks: Float[Array, "b 49 2"],
        train: bool = False,
    ) -> Float[Array, "b a"]:
        """Map features F to one logit per AU, in the order of `config.data.aus`.

        Args:
            features: F, or features that stand for it.
            landmarks: x, y in units of the crop side; used by the pooling "landmarks".
            train: As in `ConvBlock`.
        """
        branches = [
            AuBranch(self.pooling, self.width, self.dtype, name=f"branch_{i}")
            for i in range(self.num_aus)
        ]
        return jnp.stack(
            [branch(features, landmarks, train) for branch in branches], axis=-1
        )


def average_to_grid(x: Float[Array, "b f f c"]) -> Float[Array, "b 8 8 c"]:
    """Average a map over the cells of an even grid.

    Where a border of the grid crosses a pixel, the pixel counts in proportion to its
    area on either side.
    """
    f = x.shape[1]
    edges = np.arange(GRID + 1) * f / GRID
    upper = np.minimum(edges[1:, None], np.arange(1, f + 1))
    lower = np.maximum(edges[:-1, None], np.arange(f))
    share = jnp.asarray(np.maximum(upper - lower, 0) * GRID / f, x.dtype)
    return jnp.einsum("gi,hj,bijc->bghc", share, share, x)
