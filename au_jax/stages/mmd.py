"""MMD: source and target features with one distribution (Long et al. 2015).

"Learning Transferable Features with Deep Adaptation Networks", equation 1, on the means
of E_f's maps. There, the weights of the kernels are optimised; here, they are equal.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Float

from au_jax.stages import adaptation
from au_jax.stages.adaptation import Outputs, domains, init, make_predict
from au_jax.stages.state import Optimizers, TrainStep
from au_jax.types import Array, Config, Params, Terms

__all__ = ["domains", "init", "make_predict", "make_train_step"]

BANDWIDTHS = (0.125, 0.25, 0.5, 1.0, 2.0)
"""Of the kernels, in units of the mean squared distance of two images."""


def mmd(source: Float[Array, "b c"], target: Float[Array, "b c"]) -> Float[Array, ""]:
    """Return the squared maximum mean discrepancy, E k(s,s') + E k(t,t') - 2 E k(s,t).

    k is the mean of Gaussian kernels exp(-|x - y|^2 / (2 sigma^2)) of five bandwidths
    sigma^2. Means are over all pairs, equal ones included, so the value is at least 0.
    """
    x = jnp.concatenate([source, target])
    squares = ((x[:, None] - x[None]) ** 2).sum(axis=-1)
    unit = jax.lax.stop_gradient(squares.mean()) + 1e-12
    kernels = [jnp.exp(-squares / (2 * factor * unit)) for factor in BANDWIDTHS]
    k, b = jnp.stack(kernels).mean(axis=0), len(source)
    return k[:b, :b].mean() + k[b:, b:].mean() - 2 * k[:b, b:].mean()


def make_train_step(
    config: Config,
    optimizers: Optimizers,
    au_weight: Float[Array, "a"],
    num_steps: int,
) -> TrainStep:
    """Return a training step on `au` + weight * `mmd`."""

    def terms(params: Params, outputs: Outputs) -> Terms:
        return {"mmd": mmd(*adaptation.pooled(outputs.features))}

    return adaptation.make_train_step(
        config, optimizers, au_weight, num_steps, terms, {"mmd": config.mmd.weight}
    )
