"""Warping by a flow, and the curriculum over the samples of a batch.

The stages that learn from pairs of frames share both.
"""

import jax
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates
from jaxtyping import Float

from au_jax.types import Array


def warp(
    image: Float[Array, "b h h c"], flow: Float[Array, "b h h 2"]
) -> Float[Array, "b h h c"]:
    """Return the image sampled at each pixel's place plus the flow, bilinearly.

    A flow is x, y in units of half the image side; places outside are clamped to its
    border. Corners are aligned: -1 and 1 are the centres of the outermost pixels, as in
    the code of FAb-Net.
    """
    side = image.shape[1]
    line = jnp.linspace(-1.0, 1.0, side)
    x, y = jnp.meshgrid(line, line)
    places = jnp.clip(jnp.stack([x, y], axis=-1)[None] + flow, -1, 1)
    pixels = (places + 1) * ((side - 1) / 2)

    def sample(channel: Array, at: Array) -> Array:
        return map_coordinates(channel, [at[..., 1], at[..., 0]], order=1)

    over_channels = jax.vmap(sample, in_axes=(2, None), out_axes=2)
    return jax.vmap(over_channels)(image, pixels)


def curriculum(
    errors: Float[Array, "b"], progress: Float[Array, ""]
) -> Float[Array, ""]:
    """Return the mean of the errors within a window of their ranks.

    The window is the lower half at first. It moves up by a tenth after each fifth of
    the training, to .4 to .9: hard samples come late, the hardest never. In FAb-Net it
    moves when validation stops improving; fifths of the training are ours.
    """
    moved = jnp.minimum(jnp.floor(5 * progress), 4) / 10
    count = len(errors)
    rank = jnp.argsort(jnp.argsort(errors))
    lower = jnp.floor(moved * count + 1e-4)
    upper = jnp.maximum(jnp.floor((moved + 0.5) * count + 1e-4), lower + 1)
    inside = (rank >= lower) & (rank < upper)
    return jnp.where(inside, errors, 0).sum() / inside.sum()
