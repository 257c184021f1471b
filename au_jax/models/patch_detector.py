"""The detector of gradient patches: an image and its landmarks to one logit per AU."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Float

from au_jax.faces.landmarks import NUM_LANDMARKS, eye_distance
from au_jax.models.landmark_patches import (
    SHAPE_SHARE,
    sample_patches,
    shape,
    shape_norm,
)
from au_jax.models.layers import scaled
from au_jax.models.oriented_gradients import STRIDE, histograms, orientations
from au_jax.models.remat import mark_saved
from au_jax.models.resting_points import resting_points
from au_jax.types import Array

CELLS = 4
"""Cells of a histogram along each side of a patch."""

SIDES = (1 / 8, 1 / 12)
"""The side of a cell in eye distances, for each of the two patches of a landmark."""

EYE_DISTANCE = 3 / 8
"""About the eye distance of an aligned crop in units of its side."""


class PatchDetector(nn.Module):
    """Histograms of gradients about each landmark, a dense layer for each, and one.

    Nothing of it is the paper's: it is our answer to histograms with a regression being
    ahead of the paper's networks (docs/findings.md).
    """

    num_aus: int
    width: float = 1.0
    dtype: DTypeLike = jnp.float32
    resting: bool = False
    """True if it also sees patches that stay where they are when an AU moves."""

    @nn.compact
    def __call__(
        self,
        image: Float[Array, "b h w 3"],
        landmarks: Float[Array, "b 49 2"],
        kept: Float[Array, "b 49"] | None = None,
        train: bool = False,
    ) -> Float[Array, "b a"]:
        """Map images in -1..1 to one logit per AU.

        Args:
            image: The crop; its landmarks were found before.
            landmarks: x, y in units of the crop side.
            kept: A factor for the patches of each landmark, of `drop_patches`.
            train: Batch norm of the landmarks uses the statistics of the batch.
        """
        # Rematerialisation must recompute neither the histograms nor the products.
        patches = mark_saved(
            jnp.asarray(gradient_patches(image, landmarks, self.resting), self.dtype)
        )
        if kept is not None:
            patches = patches * kept[..., None].astype(self.dtype)
        _, places, size = patches.shape
        units = scaled(64, self.width)
        kernel = self.param(
            "kernel",
            nn.initializers.variance_scaling(
                1.0, "fan_in", "normal", in_axis=1, out_axis=2, batch_axis=0
            ),
            (places, size, units),
        )
        bias = self.param("bias", nn.initializers.zeros, (places, units))
        x = mark_saved(jnp.einsum("bps,psu->bpu", patches, kernel.astype(self.dtype)))
        x = nn.relu(x + bias.astype(self.dtype)[None]).reshape(x.shape[0], -1)
        points = shape_norm(train, self.dtype)(shape(landmarks))
        x = jnp.concatenate([x, SHAPE_SHARE * points], axis=-1)
        return nn.Dense(self.num_aus, dtype=jnp.float32)(x)


def drop_patches(key: jax.Array, batch: int, share: float) -> Float[Array, "b 49"]:
    """Return factors that leave out a share of the landmarks, as dropout does.

    Whatever is left of the face has to tell the AUs, so that a detector relies less on
    how one part happens to look in its training pictures.
    """
    kept = jax.random.bernoulli(key, 1 - share, (batch, NUM_LANDMARKS))
    return kept.astype(jnp.float32) / (1 - share)


def gradient_patches(
    image: Float[Array, "b h w 3"],
    landmarks: Float[Array, "b 49 2"],
    resting: bool = False,
) -> Float[Array, "b 49 s"]:
    """Return the histograms of two patches about each landmark, s = 512.

    A patch has 4 x 4 cells of 16 orientations, and a root mean square of about 1: each
    is normalised, so that light and contrast matter less. The cells stand as far apart
    as the eye distance of the face asks; their own side is that of an average face.

    With `resting`, there is a third patch, as large as the first, about each point
    where the landmark would be at rest, s = 768. It sees what moves: a patch about a
    landmark moves with the skin.
    """
    crop = image.shape[1]
    by_orientation, distance = orientations(image), eye_distance(landmarks)
    wanted = [(share, landmarks) for share in SIDES]
    if resting:
        wanted.append((SIDES[0], resting_points(landmarks)))
    patches = []
    for share, centres in wanted:
        side = 2 * round(share * EYE_DISTANCE * crop / 2)
        spacing = share * distance * crop / STRIDE
        maps = histograms(by_orientation, side)  # once for equal sides, by XLA
        patch = sample_patches(maps, centres, STRIDE, CELLS, spacing)
        patch = patch.reshape(*patch.shape[:2], -1)
        # A patch without edges stays small.
        norm = jnp.sqrt((patch**2).sum(axis=-1, keepdims=True) + 1)
        patches.append(patch / norm * patch.shape[-1] ** 0.5)
    # No gradient is needed: nothing before this has parameters.
    return jax.lax.stop_gradient(jnp.concatenate(patches, axis=-1))
