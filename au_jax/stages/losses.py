"""The losses of method.md section 4, written like its equations.

Means are over the batch and all other axes unless a docstring says otherwise. All
arithmetic is in float32, whatever the data type of the networks.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Bool, Float, Int

from au_jax.faces.landmarks import eye_distance
from au_jax.models.landmark_maps import one_hot_maps
from au_jax.types import Array, Batch, Microbatch, Terms


def f32(x: Float[Array, "*b"]) -> Float[Array, "*b"]:
    """Convert to float32: bfloat16 is too coarse for losses."""
    return jnp.asarray(x, jnp.float32)


def _mean(x: Float[Array, "*b f f c"]) -> Float[Array, ""]:
    """The mean over all axes, computed map by map for accuracy.

    XLA's CPU backend would otherwise add all numbers of a transposed array one by one,
    with a relative error of 1e-4 for the landmark maps of the paper's batch.
    """
    return jnp.mean(jnp.mean(x, axis=(-3, -2, -1)))


def au_weights(
    aus: Float[np.ndarray, "n a"], known: Bool[np.ndarray, "n a"]
) -> Float[np.ndarray, "a"]:
    """Return the AU weights of L_au: w_a = (1/r_a) / sum(1/r) * n_au.

    r_a is the occurrence rate of AU a among its known labels (method.md section 4). An
    AU without a positive gets the weight of the rarest AU that has one. Without any
    positive at all, every weight is 1.
    """
    positives = (aus * known).sum(axis=0)
    rates = positives / np.maximum(known.sum(axis=0), 1)
    occurs = rates > 0
    if not occurs.any():
        return np.ones(len(rates), np.float32)
    inverse = 1 / np.where(occurs, rates, rates[occurs].min())
    return (inverse / inverse.sum() * len(rates)).astype(np.float32)


def au(
    logits: Float[Array, "b a"],
    aus: Float[Array, "b a"],
    known: Bool[Array, "b a"],
    weight: Float[Array, "a"],
    count: Float[Array, ""] | None = None,
) -> Float[Array, ""]:
    """BCE_w of L_au: w_a * BCE-with-logits, averaged over the known labels.

    It is 0 without any known label (method.md section 4). The sum over the known labels
    is divided by `count`, if there is one, instead of their number.
    """
    cross_entropy = optax.sigmoid_binary_cross_entropy(f32(logits), aus)
    weighted = weight[None] * cross_entropy * known
    return weighted.sum() / (jnp.maximum(known.sum(), 1) if count is None else count)


def labelled_au(
    logits: Float[Array, "b a"], batch: Batch | Microbatch, weight: Float[Array, "a"]
) -> Float[Array, ""]:
    """`au` of the labels of a batch's first domain.

    The values of microbatches have the value of the whole batch as their mean.
    """
    per_part = batch.get("known_per_part")
    count = None if per_part is None else per_part[0]
    return au(logits, batch["aus"][0], batch["aus_known"][0], weight, count)


def landmark(
    logits: Float[Array, "*b f f k"], cells: Int[Array, "*b k"]
) -> Float[Array, ""]:
    """One term of L_l: softmax cross-entropy over the f*f cells, mean over landmarks.

    `cells` are the indices y * f + x of the true cells (method.md section 4).
    """
    *batch, f, _, k = logits.shape
    over_cells = f32(logits).reshape(*batch, f * f, k)
    log_p = jax.nn.log_softmax(over_cells, axis=-2)
    return -jnp.take_along_axis(log_p, cells[..., None, :], axis=-2).mean()


def landmark_adversarial(maps: Float[Array, "*b f f k"]) -> Float[Array, ""]:
    """L_adl for the players: MSE(D_l(B), 1 / (f*f)) (method.md section 4).

    It is least where D_l finds every cell equally likely.
    """
    f = maps.shape[-2]
    return _mean((f32(maps) - 1 / (f * f)) ** 2)


def landmark_discriminator(
    maps: Float[Array, "*b f f k"], cells: Int[Array, "*b k"]
) -> Float[Array, ""]:
    """L_adl for D_l: MSE(D_l(B), one-hot maps of the cells) (method.md section 4)."""
    one_hot = one_hot_maps(cells, maps.shape[-2])
    return _mean((f32(maps) - one_hot) ** 2)


def least_squares(scores: Float[Array, "*b"], target: float) -> Float[Array, ""]:
    """One term of L_adf: the mean of (score - target)^2 (method.md section 4).

    The target is 1 for features to pass as the domain's own, 0 as generated.
    """
    return jnp.mean((f32(scores) - target) ** 2)


def l1(
    reconstructed: Float[Array, "*b f f c"], supervisor: Float[Array, "*b f f c"]
) -> Float[Array, ""]:
    """One distance of L_c (eq. 2): the mean absolute difference over all elements.

    ADLD's `cross_cycle` and `self_reconstruction` use it too (method.md section 4).
    """
    return _mean(jnp.abs(f32(reconstructed) - f32(supervisor)))


def landmark_regression(
    predicted: Float[Array, "b 49 2"], true: Float[Array, "b 49 2"]
) -> Float[Array, ""]:
    """L_fl (eq. 1): mean over images of 1 / (2 d^2) * sum of squared errors.

    d is the distance between the true eye centres. The loss is scale-free, so both
    arguments may be in any one unit of length.
    """
    squared = ((f32(predicted) - true) ** 2).sum(axis=(-1, -2))
    return jnp.mean(squared / (2 * eye_distance(true) ** 2))


def total(terms: Terms, weights: Mapping[str, float]) -> Float[Array, ""]:
    """L_total = sum of weight * loss (eq. 3).

    Raises:
        ValueError: the names of the terms and of the weights differ.
    """
    if terms.keys() != weights.keys():
        raise ValueError(
            f"terms {sorted(terms)} and weights {sorted(weights)} differ; give every"
            " loss term one weight"
        )
    return jnp.asarray(sum(weights[name] * term for name, term in terms.items()))
