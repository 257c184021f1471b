"""E_au, the action-unit (AU) detector: features to one logit per AU."""

from typing import Literal

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Float

from au_jax.faces.landmarks import eye_centres, eye_distance
from au_jax.models.layers import ConvBlock, conv3x3, scaled
from au_jax.types import CELL, Array

GRID = 8
"""Cells along each side of the grid to which a map can be averaged."""

PATCH, SPACING = 3, 2.0
"""Points along each side of the patch about a landmark, and cells between them."""

SHAPE_SHARE = 0.3
"""The weight of the landmarks' own coordinates beside the patches."""

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
            patches = sample_patches(x, landmarks).reshape(x.shape[0], -1)
            # Batch norm gives each coordinate a variance of 1.
            points = nn.BatchNorm(
                use_running_average=not train,
                momentum=0.9,
                use_scale=False,
                use_bias=False,
                dtype=self.dtype,
                name="shape_norm",
            )(shape(landmarks))
            x = jnp.concatenate([patches, SHAPE_SHARE * points], axis=-1)
        return nn.Dense(1, dtype=self.dtype)(x)[:, 0]


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


def sample_patches(
    x: Float[Array, "b f f c"], landmarks: Float[Array, "b 49 2"]
) -> Float[Array, "b p c"]:
    """Return the map at the points of a 3 x 3 patch about each landmark, p = 441.

    Values between cells are interpolated; beyond the border, those of the border count.
    Where this gathers, products with interpolation matrices would take 14 times as long
    on XLA:CPU.
    """
    b, f, _, c = x.shape
    steps = (np.arange(PATCH) - (PATCH - 1) / 2) * SPACING
    offsets = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    # The centres of pixels, and those of cells, have integer coordinates.
    centres = landmarks * f + (0.5 / CELL - 0.5)
    at = centres[:, :, None] + jnp.asarray(offsets, jnp.float32)[None, None]
    at = jnp.clip(at.reshape(b, -1, 2), 0, f - 1)
    first = jnp.minimum(jnp.floor(at), f - 2).astype(jnp.int32)
    share = (at - first).astype(x.dtype)
    cells, total = x.reshape(b, f * f, c), jnp.zeros((), x.dtype)
    for dy in (0, 1):
        for dx in (0, 1):
            step = np.array((dx, dy), np.int32)
            near = first + step[None, None]
            index = near[..., 1] * f + near[..., 0]
            weight = jnp.where(step[None, None] == 1, share, 1 - share).prod(axis=-1)
            values = jnp.take_along_axis(cells, index[..., None], axis=1)
            total = total + weight[..., None] * values
    return total


def shape(landmarks: Float[Array, "b 49 2"]) -> Float[Array, "b 98"]:
    """Return landmarks about the middle of the eyes, in eye distances."""
    left, right = eye_centres(landmarks)
    middle, distance = (left + right) / 2, eye_distance(landmarks)
    distance = jnp.maximum(distance, 1e-6)  # padding has landmarks that are all 0
    relative = (landmarks - middle[:, None]) / distance[:, None, None]
    return relative.reshape(relative.shape[0], -1)
