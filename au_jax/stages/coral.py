"""CORAL: source and target features with equal covariances (Sun and Saenko 2016).

"Deep CORAL: Correlation Alignment for Deep Domain Adaptation", equations 1 to 3. There,
features are the output of a fully connected layer; here, the means of E_f's maps.
"""

from jaxtyping import Float

from au_jax.stages import adaptation
from au_jax.stages.adaptation import Outputs, domains, init, make_predict
from au_jax.stages.state import Optimizers, TrainStep
from au_jax.types import Array, Config, Params, Terms

__all__ = ["domains", "init", "make_predict", "make_train_step"]


def coral(source: Float[Array, "b c"], target: Float[Array, "b c"]) -> Float[Array, ""]:
    """Return |C_s - C_t|^2 / (4 c^2), with the squared Frobenius norm.

    C is the covariance over the batch, with b - 1 in the denominator. A single image
    has none, and the loss is 0.
    """
    return ((_covariance(source) - _covariance(target)) ** 2).mean() / 4


def _covariance(x: Float[Array, "b c"]) -> Float[Array, "c c"]:
    centred = x - x.mean(axis=0, keepdims=True)
    return centred.T @ centred / max(len(x) - 1, 1)


def make_train_step(
    config: Config,
    optimizers: Optimizers,
    au_weight: Float[Array, "a"],
    num_steps: int,
) -> TrainStep:
    """Return a training step on `au` + weight * `coral`."""

    def terms(params: Params, outputs: Outputs) -> Terms:
        return {"coral": coral(*adaptation.pooled(outputs.features))}

    return adaptation.make_train_step(
        config, optimizers, au_weight, num_steps, terms, {"coral": config.coral.weight}
    )
