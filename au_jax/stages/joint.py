"""Stage 2 (and 3): adversarial domain separation with landmark detection.

method.md section 3. The models A, B, C of the ablation and ADLD are this stage with
other weights in `config.loss`: a term of weight 0 is not computed.
"""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float

from au_jax.faces.landmarks import NUM_LANDMARKS
from au_jax.models import remat
from au_jax.models.layers import scaled
from au_jax.stages import accumulation, losses
from au_jax.stages.forward import Constants, Outputs, forward
from au_jax.stages.joint_terms import make_judges
from au_jax.stages.networks import fresh_network, infer, make_networks
from au_jax.stages.state import Optimizers, TrainState, TrainStep, gradient_norms
from au_jax.types import (
    DOMAINS,
    Array,
    Batch,
    Config,
    Params,
    PredictFn,
    Prediction,
    Terms,
    Variables,
)

PLAYERS = ("task", "generator")
"""The groups of parameters that play against the discriminators."""

PullBack = Callable[[Outputs], tuple[dict[str, Params]]]


def domains(config: Config) -> tuple[str, ...]:
    """The domains of a training batch, in order."""
    return DOMAINS


def active_weights(config: Config) -> dict[str, float]:
    """The loss terms of this model and their weights."""
    return {name: weight for name, weight in config.loss.items() if weight}


def init(config: Config, key: jax.Array) -> Variables:
    """Fresh parameters and running statistics, by group and network."""
    networks = make_networks(config)
    crop, f = config.data.crop, config.data.crop // 4
    keys = iter(jax.random.split(key, 12))
    params = {"task": {}, "generator": {}, "discriminator": {}}
    batch_stats = {"task": {}}

    def add(group: str, name: str, module: nn.Module, *inputs: Array) -> None:
        params[group][name], stats = fresh_network(module, next(keys), *inputs)
        if stats:
            batch_stats[group][name] = stats

    add(
        "task",
        "feature_encoder",
        networks.feature_encoder,
        jnp.zeros((1, crop, crop, 3)),
    )
    features = jnp.zeros((1, f, f, scaled(64, config.model.width)))
    attention = jnp.zeros((1, f, f, NUM_LANDMARKS))
    add("task", "landmark_encoder", networks.landmark_encoder, features)
    add("task", "au_detector", networks.au_detector, features)
    if "landmark_regression" in active_weights(config):
        add("task", "landmark_detector", networks.landmark_detector, features)
    add("generator", "background_generator", networks.background_generator, features)
    add(
        "generator",
        "feature_generator",
        networks.feature_generator,
        attention,
        features,
    )
    if config.model.projectors:
        for kind in ("feature", "landmark", "background"):
            add("generator", f"projector_{kind}", networks.projector, features)
    add("discriminator", "landmark", networks.landmark_discriminator, features)
    for domain in DOMAINS:
        add("discriminator", domain, networks.domain_discriminator, features)
    return Variables(params, batch_stats)


def make_train_step(
    config: Config, optimizers: Optimizers, au_weight: Float[Array, "a"]
) -> TrainStep:
    """One joint step: discriminators first, then the players against the updated ones.

    The players run forward once: `jax.vjp` keeps that pass, and the gradient of their
    loss with respect to its outputs is pulled back through it. Only a batch in parts
    (`config.accumulation`) runs forward for each side: memory holds one part's pass.
    """
    networks, weights = make_networks(config), active_weights(config)
    judge = make_judges(networks, weights, au_weight, config.model.upsample)
    parts = config.accumulation

    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, Terms]:
        before = state.params

        def play(stats: Params, part: Batch) -> tuple[Outputs, PullBack, Constants]:
            terms = frozenset(weights)
            run = remat.forward(
                lambda p: forward(networks, p, stats, part, terms), config.model.remat
            )
            return jax.vjp(run, {k: before[k] for k in PLAYERS}, has_aux=True)

        stats = state.batch_stats["task"]
        kept = play(stats, batch) if parts == 1 else None

        def discriminators(stats: Params, part: Batch) -> tuple[Params, Any]:
            outputs, _, constants = kept or play(stats, part)
            # Here `outputs` are constants: nothing reaches the players.
            return stats, judge.discriminators(
                before["discriminator"], outputs, constants, part
            )

        _, (gradients, opposing) = accumulation.mean(
            discriminators, stats, batch, parts
        )
        state = state.apply_gradients(optimizers, {"discriminator": gradients})

        def players(stats: Params, part: Batch) -> tuple[Params, Any]:
            outputs, pull_back, constants = kept or play(stats, part)
            cotangents, terms = judge.players(
                outputs, state.params["discriminator"], constants, part
            )
            return constants.batch_stats, (pull_back(cotangents)[0], terms)

        stats, (pulled, terms) = accumulation.mean(players, stats, batch, parts)
        state = state.apply_gradients(optimizers, pulled)
        state = state.replace(step=state.step + 1, batch_stats={"task": stats})
        norms = gradient_norms({"discriminator": gradients, **pulled})
        return state, {**terms, **opposing, **norms}

    return train_step


def make_predict(config: Config) -> PredictFn:
    """Both test paths of method.md section 7, and the landmarks.

    "direct" is AU(E_f(I)); "reconstructed" is AU(G_st(A, B)) of its own A and B.
    """
    networks = make_networks(config)

    def predict(variables: Variables, image: Float[Array, "b h w 3"]) -> Prediction:
        params, batch_stats = variables
        players = params["task"] | params["generator"]

        def apply(name: str, *inputs: Array) -> Any:
            module = getattr(networks, name)
            return infer(module, players, batch_stats["task"], name, *inputs)

        features = apply("feature_encoder", image)
        attention = apply("landmark_encoder", features).attention
        background = apply("background_generator", features)
        reconstructed = apply("feature_generator", attention, background)
        logits = {
            "direct": apply("au_detector", features),
            "reconstructed": apply("au_detector", reconstructed),
        }
        landmarks = None
        if "landmark_detector" in players:
            landmarks = losses.f32(apply("landmark_detector", features))
        aus: dict[str, Array] = {
            path: nn.sigmoid(losses.f32(x)) for path, x in logits.items()
        }
        return Prediction(aus, landmarks)

    return predict
