"""DANN: features from which the domain cannot be told (Ganin et al. 2016).

"Domain-Adversarial Training of Neural Networks", equations 8 to 14. There, a fully
connected network tells the domains apart; here, the domain discriminator of the joint
stage does, on E_f's maps.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Float

from au_jax.stages import adaptation, losses
from au_jax.stages.adaptation import Outputs, domains, make_predict
from au_jax.stages.folding import fold, unfold
from au_jax.stages.networks import apply, make_networks
from au_jax.stages.state import Optimizers, TrainStep
from au_jax.types import Array, Config, Params, Terms, Variables

__all__ = ["domains", "init", "make_predict", "make_train_step"]


def ramp(progress: Float[Array, ""]) -> Float[Array, ""]:
    """Return lambda, the weight of the reversed gradient: 0 at first, 1 at the end."""
    return 2 / (1 + jnp.exp(-10 * progress)) - 1


@jax.custom_vjp
def reverse_gradient(x: Float[Array, "*b"], factor: Float[Array, ""]) -> Array:
    """Return `x`; multiply its gradient by -`factor`."""
    return x


def _reverse_forward(x: Array, factor: Array) -> tuple[Array, Array]:
    return x, factor


def _reverse_backward(factor: Array, gradient: Array) -> tuple[Array, Array]:
    reversed_gradient = (-factor * gradient).astype(gradient.dtype)
    return reversed_gradient, jnp.zeros_like(factor)


reverse_gradient.defvjp(_reverse_forward, _reverse_backward)


def domain(
    source: Float[Array, "b *p"], target: Float[Array, "b *p"]
) -> Float[Array, ""]:
    """Return the mean BCE of domain logits; the source is 1 and the target 0."""
    of_source = jax.nn.softplus(-losses.f32(source)).mean()
    of_target = jax.nn.softplus(losses.f32(target)).mean()
    return (of_source + of_target) / 2


def init(config: Config, key: jax.Array) -> Variables:
    """Return freshly initialised networks: E_f, E_au and the domain discriminator."""
    for_players, for_discriminator = jax.random.split(key)
    params, batch_stats = adaptation.init(config, for_players)
    discriminator = adaptation.init_discriminator(config, for_discriminator)
    return Variables({**params, "discriminator": discriminator}, batch_stats)


def make_train_step(
    config: Config,
    optimizers: Optimizers,
    au_weight: Float[Array, "a"],
    num_steps: int,
) -> TrainStep:
    """Return a step on `au` + weight * `domain`, whose gradient E_f gets reversed."""
    module = make_networks(config).domain_discriminator

    def terms(params: Params, outputs: Outputs) -> Terms:
        features = reverse_gradient(outputs.features, ramp(outputs.progress))
        scores = apply(module, params["discriminator"]["domain"], fold(features))
        return {"domain": domain(*unfold(scores))}

    return adaptation.make_train_step(
        config, optimizers, au_weight, num_steps, terms, {"domain": config.dann.weight}
    )
