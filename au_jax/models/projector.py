"""P, the projectors of the alignment (eq. 2; method.md section 4).

The paper says that projectors "magnify features to the pixel level" and "match the
feature dimensions", and gives no layers. These are three readings of it.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Float

from au_jax.types import Array

MAGNIFICATION = 4
"""The factor from a feature map to the pixels of the crop."""


class Projector(nn.Module):
    """A 1x1 convolution initialised to the identity.

    Only the reconstructed side of an alignment pair has one, because learned
    projections on both sides of an L1 pair collapse to zero.
    """

    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, features: Float[Array, "b f f c"]) -> Float[Array, "b f f c"]:
        """Project reconstructed features."""
        return nn.Conv(
            features.shape[-1],
            (1, 1),
            use_bias=False,
            dtype=self.dtype,
            kernel_init=identity_kernel,
        )(features)


class PixelProjector(nn.Module):
    """A learned magnification to the pixel level, initialised to the bilinear one.

    It stands on the reconstructed side only; `forward.enlarge` magnifies the other.
    A 2x2 convolution computes the 4 x 4 pixels between each four neighbouring cells.
    """

    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, features: Float[Array, "b f f c"]) -> Float[Array, "b g g c"]:
        """Magnify reconstructed features, with g = 4 f."""
        channels, m = features.shape[-1], MAGNIFICATION
        x = jnp.pad(features, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
        x = nn.Conv(
            m * m * channels,
            (2, 2),
            padding="VALID",
            use_bias=False,
            dtype=self.dtype,
            kernel_init=bilinear_kernel,
        )(x)
        b, rows, columns, _ = x.shape
        x = x.reshape(b, rows, columns, m, m, channels).swapaxes(2, 3)
        x = x.reshape(b, rows * m, columns * m, channels)
        # The outermost pixels lie in the padding.
        return x[:, m // 2 : -(m // 2), m // 2 : -(m // 2)]


class OrthonormalProjector(nn.Module):
    """A learned rotation of the channels, for both sides of an alignment pair.

    Cayley's map (I + A)^-1 (I - A) of a skew-symmetric A is orthonormal whatever the
    parameters are, so the projection keeps every distance and cannot collapse. A is
    zero at first, which is the identity.
    """

    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, features: Float[Array, "b f f c"]) -> Float[Array, "b f f c"]:
        """Rotate the channels of reconstructed features, or of their supervisors."""
        c = features.shape[-1]
        free = self.param("kernel", nn.initializers.zeros, (c, c))
        skew = (free - free.T) / 2
        identity = jnp.eye(c, dtype=free.dtype)
        rotation = jnp.linalg.solve(identity + skew, identity - skew)
        return features.astype(self.dtype) @ rotation.astype(self.dtype)


def identity_kernel(
    key: jax.Array, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32
) -> jax.Array:
    """Return a 1x1 convolution kernel, shape (1, 1, c, c), that is the identity."""
    del key
    return jnp.eye(shape[-1], dtype=dtype).reshape(shape)


def bilinear_kernel(
    key: jax.Array, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32
) -> jax.Array:
    """Return the kernel, shape (2, 2, c, 16 c), of the bilinear magnification by 4.

    Each channel takes part in its own 4 x 4 pixels only.
    """
    del key
    m, channels = MAGNIFICATION, shape[2]
    fraction = (np.arange(m) + 0.5) / m  # of the way from one cell's centre to the next
    weight = np.stack([1 - fraction, fraction])  # cell, pixel
    kernel = np.einsum("ay,bx,io->abiyxo", weight, weight, np.eye(channels))
    return jnp.asarray(kernel.reshape(shape), dtype)
