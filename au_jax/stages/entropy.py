"""Information maximisation on the target: sure of each face, varied over all faces.

Liang et al. 2020 ("Do We Really Need to Access the Source Data?", equation 2) do so for
classes that exclude each other. For AUs, each of which is present or absent, the same
is computed per AU on [p, 1 - p]; the mean over AUs is our formula.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Float

from au_jax.stages import adaptation
from au_jax.stages.adaptation import Outputs, domains, init, make_predict
from au_jax.stages.state import Optimizers, TrainStep
from au_jax.types import Array, Config, Params, Terms

__all__ = ["domains", "init", "make_predict", "make_train_step"]


def entropy(logits: Float[Array, "b a"]) -> Float[Array, ""]:
    """Return the mean entropy of the answers [p, 1 - p], in nats: 0 if all are sure."""
    p = jax.nn.sigmoid(logits)
    return -(
        p * jax.nn.log_sigmoid(logits) + (1 - p) * jax.nn.log_sigmoid(-logits)
    ).mean()


def negative_diversity(logits: Float[Array, "b a"]) -> Float[Array, ""]:
    """Return minus the mean entropy of each AU's mean answer over the batch, in nats.

    It is least where each AU is active in half of the images. Without it, answers that
    are the same for all images would minimise the entropy.
    """
    rate = jax.nn.sigmoid(logits).mean(axis=0).clip(1e-6, 1 - 1e-6)
    return (rate * jnp.log(rate) + (1 - rate) * jnp.log1p(-rate)).mean()


def make_train_step(
    config: Config,
    optimizers: Optimizers,
    au_weight: Float[Array, "a"],
    num_steps: int,
) -> TrainStep:
    """Return a training step on `au` + weight * (`entropy` + `negative_diversity`)."""

    def terms(params: Params, outputs: Outputs) -> Terms:
        return {
            "entropy": entropy(outputs.logits[1]),
            "negative_diversity": negative_diversity(outputs.logits[1]),
        }

    weight = config.entropy.weight
    weights = {"entropy": weight, "negative_diversity": weight}
    return adaptation.make_train_step(
        config, optimizers, au_weight, num_steps, terms, weights
    )
