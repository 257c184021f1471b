"""E_l, the landmark encoder: features to landmark features and attention."""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Float

from au_jax.faces.landmarks import NUM_LANDMARKS
from au_jax.models.layers import ConvBlock, conv3x3, scaled
from au_jax.types import Array


class LandmarkEncoding(NamedTuple):
    """The results of E_l for a batch of feature maps."""

    features: Float[Array, "*b f f c"]
    """Landmark features in -1..1."""
    logits: Float[Array, "*b f f 49"]
    """One unnormalised map per landmark."""
    attention: Float[Array, "*b f f 49"]
    """A: the softmax of each landmark's logits over the f*f cells."""


class LandmarkEncoder(nn.Module):
    """E_l (method.md section 2).

    The paper's text calls it a "facial texture encoder", which is a slip: it yields the
    landmark-related features.
    """

    width: float = 1.0
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, features: Float[Array, "b f f c"]) -> LandmarkEncoding:
        """Map features F, or X, to landmark features, logits and attention."""
        x = features
        for _ in range(4):
            x = ConvBlock(scaled(64, self.width), norm="instance", dtype=self.dtype)(x)
        x = jnp.tanh(x)
        logits = conv3x3(NUM_LANDMARKS, self.dtype)(x)
        # One axis for all cells of a map, because ONNX has softmax over one axis only.
        cells = logits.astype(jnp.float32).reshape(
            (x.shape[0], x.shape[1] * x.shape[2], NUM_LANDMARKS)
        )
        attention = jax.nn.softmax(cells, axis=1).reshape(logits.shape)
        return LandmarkEncoding(x, logits, attention.astype(x.dtype))
