"""E_l: features to landmark features and landmark attention."""

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
    """What E_l says of a feature map."""

    features: Float[Array, "*b f f c"]
    """Landmark features, -1..1."""
    logits: Float[Array, "*b f f 49"]
    """One map per landmark."""
    attention: Float[Array, "*b f f 49"]
    """Softmax of each landmark's logits over the f*f cells."""


class LandmarkEncoder(nn.Module):
    """E_l (method.md section 2); the paper's "facial texture encoder" is a slip."""

    width: float = 1.0
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, features: Float[Array, "b f f c"]) -> LandmarkEncoding:
        """Features F to landmark features, logits and attention."""
        x = features
        for _ in range(4):
            x = ConvBlock(scaled(64, self.width), norm="instance", dtype=self.dtype)(x)
        x = jnp.tanh(x)
        logits = conv3x3(NUM_LANDMARKS, self.dtype)(x)
        # Over all cells of a map at once; ONNX knows a softmax over one axis only.
        cells = logits.astype(jnp.float32).reshape(
            (x.shape[0], x.shape[1] * x.shape[2], NUM_LANDMARKS)
        )
        attention = jax.nn.softmax(cells, axis=1).reshape(logits.shape)
        return LandmarkEncoding(x, logits, attention.astype(x.dtype))
