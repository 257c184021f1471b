"""The losses of method.md section 4, shaped like its equations.

Means are over the batch and everything else unless a docstring says otherwise. All
arithmetic is in float32, whatever the networks compute in.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Bool, Float, Int

from au_jax.faces.landmarks import eye_distance
from au_jax.types import Array, Terms


def f32(x: Float[Array, "*b"]) -> Float[Array, "*b"]:
    """To float32: losses are not for bfloat16."""
    return jnp.asarray(x, jnp.float32)


def _mean(x: Float[Array, "*b f f c"]) -> Float[Array, ""]:
    """Over everything, map by map.

    XLA's CPU backend would add up all numbers of a transposed array one after the
    other: 1e-4 off for the landmark maps of the paper's batch.
    """
    return x.mean(axis=(-3, -2, -1)).mean()


def au_weights(
    aus: Float[np.ndarray, "n a"], known: Bool[np.ndarray, "n a"]
) -> Float[np.ndarray, "a"]:
    """w_a = (1/r_a) / sum(1/r) * n_au, r = occurrence rate among known labels.

    An AU without a positive gets the weight of the rarest AU that has one (method.md
    section 4); without any positive at all the weights are 1.
    """
    positives = (aus * known).sum(axis=0)
    rates = positives / np.maximum(known.sum(axis=0), 1)
    seen = rates > 0
    if not seen.any():
        return np.ones(len(rates), np.float32)
    inverse = 1 / np.where(seen, rates, rates[seen].min())
    return (inverse / inverse.sum() * len(rates)).astype(np.float32)


def au(
    logits: Float[Array, "b a"],
    aus: Float[Array, "b a"],
    known: Bool[Array, "b a"],
    weight: Float[Array, "a"],
) -> Float[Array, ""]:
    """BCE_w: weighted cross-entropy, mean over known labels (0 without any)."""
    cross_entropy = optax.sigmoid_binary_cross_entropy(f32(logits), aus)
    weighted = weight[None] * cross_entropy * known
    return weighted.sum() / jnp.maximum(known.sum(), 1)


def landmark(
    logits: Float[Array, "*b f f k"], cells: Int[Array, "*b k"]
) -> Float[Array, ""]:
    """Softmax cross-entropy over the f*f cells, mean over landmarks."""
    *batch, f, _, k = logits.shape
    by_cell = f32(logits).reshape(*batch, f * f, k)
    log_p = jax.nn.log_softmax(by_cell, axis=-2)
    return -jnp.take_along_axis(log_p, cells[..., None, :], axis=-2).mean()


def landmark_adversarial(maps: Float[Array, "*b f f k"]) -> Float[Array, ""]:
    """The players' side: MSE(D_l(B), 1 / (f*f)): no cell better than another."""
    f = maps.shape[-2]
    return _mean((f32(maps) - 1 / (f * f)) ** 2)


def landmark_discriminator(
    maps: Float[Array, "*b f f k"], cells: Int[Array, "*b k"]
) -> Float[Array, ""]:
    """D_l's side: MSE(D_l(B), one-hot map of the landmark cells)."""
    *batch, f, _, k = maps.shape
    one_hot = jax.nn.one_hot(cells, f * f, axis=-2).reshape(*batch, f, f, k)
    return _mean((f32(maps) - one_hot) ** 2)


def least_squares(scores: Float[Array, "*b"], target: float) -> Float[Array, ""]:
    """Mean of (score - target)^2: L_adf and the domain discriminators' halves."""
    return jnp.mean((f32(scores) - target) ** 2)


def l1(
    found: Float[Array, "*b f f c"], wanted: Float[Array, "*b f f c"]
) -> Float[Array, ""]:
    """Element-mean L1 distance: L_c (eq. 2) and ADLD's reconstructions."""
    return _mean(jnp.abs(f32(found) - f32(wanted)))


def landmark_regression(
    found: Float[Array, "b 49 2"], true: Float[Array, "b 49 2"]
) -> Float[Array, ""]:
    """L_fl (eq. 1): mean over images of sum of squared errors / (2 d^2).

    d = distance of the true eye centres; scale-free, so any unit of length will do.
    """
    squared = ((f32(found) - true) ** 2).sum(axis=(-1, -2))
    return jnp.mean(squared / (2 * eye_distance(true) ** 2))


def total(terms: Terms, weights: Mapping[str, float]) -> Float[Array, ""]:
    """L_total = sum of weight * loss (eq. 3); the one place where the two meet.

    Raises:
        ValueError: the names of terms and weights differ.
    """
    if terms.keys() != weights.keys():
        raise ValueError(f"terms {sorted(terms)} but weights {sorted(weights)}")
    return jnp.asarray(sum(weights[name] * term for name, term in terms.items()))
