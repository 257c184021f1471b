"""ADDA: a target encoder whose features pass for the source's (Tzeng et al. 2017).

"Adversarial Discriminative Domain Adaptation", equation 9. The stage starts from
`supervised`, whose E_f and E_au stay as they are. A copy of E_f learns from the
target's images. It takes the name `feature_encoder`, because at test time it answers
for the target; the source's own number is that of `supervised`.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Float

from au_jax.models import remat
from au_jax.stages import accumulation, dann, losses
from au_jax.stages.adaptation import domains, init_discriminator, make_predict
from au_jax.stages.adaptation import init as init_players
from au_jax.stages.networks import (
    Networks,
    apply,
    apply_and_update_stats,
    infer,
    make_networks,
)
from au_jax.stages.state import Optimizers, TrainState, TrainStep, gradient_norms
from au_jax.types import Array, Batch, Config, Params, Terms, Variables

__all__ = ["domains", "init", "make_predict", "make_train_step"]

SOURCE = "source_encoder"
"""The frozen E_f of the source; the stage starts with both encoders equal."""


def init(config: Config, key: jax.Array) -> Variables:
    """Return both encoders, equal, E_au, and the domain discriminator."""
    for_players, for_discriminator = jax.random.split(key)
    params, batch_stats = init_players(config, for_players)
    for group in (params["task"], batch_stats["task"]):
        group[SOURCE] = group["feature_encoder"]
    discriminator = init_discriminator(config, for_discriminator)
    return Variables({**params, "discriminator": discriminator}, batch_stats)


def mapping(target: Float[Array, "b *p"]) -> Float[Array, ""]:
    """Return the BCE of the target's domain logits with the label of the source, 1."""
    return jax.nn.softplus(-losses.f32(target)).mean()


def _make_gradients(networks: Networks) -> tuple[Any, Any]:
    """Return both losses with their gradients: of the discriminator, of features."""

    def discriminate(params: Params, features: Array) -> Array:
        return apply(networks.domain_discriminator, params["domain"], features)

    def of_discriminator(params: Params, source: Array, target: Array) -> Array:
        return dann.domain(discriminate(params, source), discriminate(params, target))

    def of_features(features: Array, params: Params) -> Array:
        return mapping(discriminate(params, features))

    return jax.value_and_grad(of_discriminator), jax.value_and_grad(of_features)


def make_train_step(
    config: Config,
    optimizers: Optimizers,
    au_weight: Float[Array, "a"],
    num_steps: int,
) -> TrainStep:
    """Return a step on `domain` for the discriminator, then `mapping` for the encoder.

    The encoder's gradient is against the updated discriminator. One forward pass serves
    both, as in `joint`.
    """
    networks, count = make_networks(config), config.accumulation
    discriminator_gradients, feature_gradients = _make_gradients(networks)

    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, Terms]:
        task, stats = state.params["task"], state.batch_stats["task"]

        def encode_target(stats: Params, microbatch: Batch) -> Any:
            def run(params: Params) -> tuple[Array, Params]:
                new = dict(stats)
                name, image = "feature_encoder", microbatch["image"][1]
                features = apply_and_update_stats(
                    networks.feature_encoder, params, new, name, image
                )
                return features, new

            run = remat.rematerialise(run, config.model.remat)
            return jax.vjp(run, task["feature_encoder"], has_aux=True)

        shared_pass = encode_target(stats, batch) if count == 1 else None

        def discriminator_side(stats: Params, microbatch: Batch) -> tuple[Params, Any]:
            target, _, _ = shared_pass or encode_target(stats, microbatch)
            encoder, image = networks.feature_encoder, microbatch["image"][0]
            source = infer(encoder, task, stats, SOURCE, image)
            return stats, discriminator_gradients(
                state.params["discriminator"], source, target
            )

        _, (domain, of_discriminator) = accumulation.mean_over_microbatches(
            discriminator_side, stats, batch, count
        )
        updated = state.apply_gradients(optimizers, {"discriminator": of_discriminator})

        def encoder_side(stats: Params, microbatch: Batch) -> tuple[Params, Any]:
            target, pull_back, new = shared_pass or encode_target(stats, microbatch)
            discriminator = updated.params["discriminator"]
            value, cotangent = feature_gradients(target, discriminator)
            return new, (value, pull_back(cotangent)[0])

        stats, (value, of_encoder) = accumulation.mean_over_microbatches(
            encoder_side, stats, batch, count
        )
        still = jax.tree.map(jnp.zeros_like, task)
        gradients = {"task": {**still, "feature_encoder": of_encoder}}
        updated = updated.apply_gradients(optimizers, gradients)
        updated = updated.replace(step=state.step + 1, batch_stats={"task": stats})
        norms = gradient_norms(
            {
                "task": {"feature_encoder": of_encoder},
                "discriminator": of_discriminator,
            }
        )
        return updated, {"total": value, "mapping": value, "domain": domain} | norms

    return train_step
