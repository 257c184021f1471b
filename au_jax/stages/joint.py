"""Stages 2 and 3: adversarial domain separation with landmark detection.

Read `forward` (method.md section 3, steps 1 to 5) and `joint_terms` (section 4) first;
here is step 6, which updates both sides of the game. The models A, B, C of the ablation
and ADLD are this stage with other weights in `config.loss`: a term of weight 0 is not
computed.
"""

from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float

from au_jax.faces.landmarks import NUM_LANDMARKS
from au_jax.models import remat, spectral_norm
from au_jax.models.landmark_maps import true_maps
from au_jax.models.layers import scaled
from au_jax.stages import accumulation, losses
from au_jax.stages.forward import KINDS, Constants, Outputs, Reading, forward
from au_jax.stages.joint_terms import discriminator_terms, player_terms
from au_jax.stages.networks import (
    NO_LANDMARKS,
    Networks,
    infer,
    init_network,
    make_networks,
)
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
"""`gradients of the outputs -> (gradients of the players' parameters,)`."""

DiscriminatorGradients = Callable[
    [Params, Outputs, Constants, Batch], tuple[Params, Terms]
]
"""`(discriminators, outputs, constants, batch) -> (gradients of the first, terms)`."""

Effective = Callable[[Params], Params]
"""`discriminators -> those that are applied`: the same, or normalised ones."""

PlayerGradients = Callable[[Outputs, Params, Constants, Batch], tuple[Outputs, Terms]]
"""`(outputs, discriminators, constants, batch) -> (gradients of the first, terms)`."""


def domains(config: Config) -> tuple[str, ...]:
    """Return the domains of a training batch: both, source first."""
    return DOMAINS


def active_weights(config: Config) -> dict[str, float]:
    """Return the loss terms with a weight other than 0, and their weights.

    `config.loss.alignment` multiplies the weights of the three terms of L_c.
    """
    weights: dict[str, Any] = config.loss.to_dict()
    del weights["alignment_landmark_on"]  # an option, not a weight
    alignment = weights.pop("alignment")
    for kind in KINDS:
        weights[f"alignment_{kind}"] *= alignment
    return {name: weight for name, weight in weights.items() if weight}


def make_reading(config: Config) -> Reading:
    """Return what a config says where the paper can be read in several ways."""
    model = config.model
    landmarks = config.loss.alignment_landmark_on
    return Reading(model.attention, model.second_round, landmarks)


def init(config: Config, key: jax.Array) -> Variables:
    """Return freshly initialised networks; which ones depends on the active terms."""
    networks = make_networks(config)
    crop, f = config.data.crop, config.data.crop // 4
    keys = iter(jax.random.split(key, 12))
    params = {"task": {}, "generator": {}, "discriminator": {}}
    batch_stats = {"task": {}}

    def add(group: str, name: str, module: nn.Module, *inputs: Array) -> None:
        params[group][name], stats = init_network(module, next(keys), *inputs)
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
    add("task", "au_detector", networks.au_detector, features, NO_LANDMARKS)
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
    if networks.projector is not None:
        on_attention = config.loss.alignment_landmark_on == "attention"
        summed = attention.sum(axis=-1, keepdims=True)
        for kind in KINDS:
            x = summed if kind == "landmark" and on_attention else features
            add("generator", f"projector_{kind}", networks.projector, x)
    add("discriminator", "landmark", networks.landmark_discriminator, features)
    for domain in DOMAINS:
        add("discriminator", domain, networks.domain_discriminator, features)
    return Variables(params, batch_stats)


def make_discriminator_gradients(
    networks: Networks, effective: Effective, r1: float
) -> DiscriminatorGradients:
    """Return the gradient function of the discriminators' loss, the sum of its terms.

    It differentiates with respect to the discriminators alone: the outputs of the
    players are constants to it.
    """

    def loss(
        discriminators: Params, outputs: Outputs, constants: Constants, batch: Batch
    ) -> tuple[Array, Terms]:
        terms = discriminator_terms(
            networks, effective(discriminators), outputs, constants, batch, r1
        )
        return losses.total(terms, dict.fromkeys(terms, 1.0)), terms

    return jax.grad(loss, has_aux=True)


def make_player_gradients(
    networks: Networks,
    effective: Effective,
    weights: Mapping[str, float],
    au_weight: Float[Array, "a"],
) -> PlayerGradients:
    """Return the gradient function of L_total (eq. 3).

    It differentiates with respect to the players' outputs; a `PullBack` turns the
    result into gradients of their parameters. Its terms include "total".
    """

    def loss(
        outputs: Outputs, discriminators: Params, constants: Constants, batch: Batch
    ) -> tuple[Array, Terms]:
        terms = player_terms(
            networks,
            effective(discriminators),
            outputs,
            constants,
            batch,
            au_weight,
            weights,
        )
        total = losses.total(terms, weights)
        return total, {"total": total, **terms}

    return jax.grad(loss, has_aux=True)


def make_train_step(
    config: Config,
    optimizers: Optimizers,
    au_weight: Float[Array, "a"],
    num_steps: int,
) -> TrainStep:
    """Return the joint training step (method.md section 3, step 6).

    It updates the discriminators first, then the players against the updated
    discriminators. One forward pass of the players serves both updates: `jax.vjp` keeps
    it, and the gradient of L_total with respect to its outputs is pulled back through
    it. With microbatches (`config.accumulation`) each update runs its own forward
    passes, so that memory holds the pass of one microbatch at a time.
    """
    networks, weights = make_networks(config), active_weights(config)
    options = config.discriminators
    effective = (
        spectral_norm.normalise if options.spectral_norm else lambda params: params
    )
    discriminator_gradients = make_discriminator_gradients(
        networks, effective, options.r1
    )
    player_gradients = make_player_gradients(networks, effective, weights, au_weight)
    count, reading = config.accumulation, make_reading(config)

    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, Terms]:
        old_params = state.params

        def run_players(
            stats: Params, microbatch: Batch
        ) -> tuple[Outputs, PullBack, Constants]:
            terms = frozenset(weights)
            run = remat.rematerialise(
                lambda players: forward(
                    networks, players, stats, microbatch, terms, reading
                ),
                config.model.remat,
            )
            return jax.vjp(run, {k: old_params[k] for k in PLAYERS}, has_aux=True)

        stats = state.batch_stats["task"]
        shared_pass = run_players(stats, batch) if count == 1 else None

        def discriminator_side(stats: Params, microbatch: Batch) -> tuple[Params, Any]:
            outputs, _, constants = shared_pass or run_players(stats, microbatch)
            return stats, discriminator_gradients(
                old_params["discriminator"], outputs, constants, microbatch
            )

        _, (discriminators, discriminator_losses) = accumulation.mean_over_microbatches(
            discriminator_side, stats, batch, count
        )
        gradients = {"discriminator": discriminators}
        if options.every == 1:
            state = state.apply_gradients(optimizers, gradients)
        else:
            due = state.step % options.every == 0
            state = state.apply_gradients_if(due, optimizers, gradients)

        def player_side(stats: Params, microbatch: Batch) -> tuple[Params, Any]:
            outputs, pull_back, constants = shared_pass or run_players(
                stats, microbatch
            )
            cotangents, terms = player_gradients(
                outputs, state.params["discriminator"], constants, microbatch
            )
            return constants.batch_stats, (pull_back(cotangents)[0], terms)

        stats, (players, player_losses) = accumulation.mean_over_microbatches(
            player_side, stats, batch, count
        )
        state = state.apply_gradients(optimizers, players)
        state = state.replace(step=state.step + 1, batch_stats={"task": stats})
        norms = gradient_norms({"discriminator": discriminators, **players})
        return state, {**player_losses, **discriminator_losses, **norms}

    return train_step


def make_predict(config: Config) -> PredictFn:
    """Return the inference function: both test paths of method.md section 7.

    "direct" is AU(E_f(I)). "reconstructed" is AU(G_st(A, B)) of the image's own A and
    B. Landmarks are predicted where the model has the landmark branch.
    """
    networks = make_networks(config)

    def predict(
        variables: Variables,
        image: Float[Array, "b h w 3"],
        points: Float[Array, "b 49 2"],
    ) -> Prediction:
        params, batch_stats = variables
        players = params["task"] | params["generator"]

        def apply(name: str, *inputs: Array) -> Any:
            module = getattr(networks, name)
            return infer(module, players, batch_stats["task"], name, *inputs)

        features = apply("feature_encoder", image)
        if config.model.attention == "true":
            attention = true_maps(points, features)
        else:
            attention = apply("landmark_encoder", features).attention
        background = apply("background_generator", features)
        reconstructed = apply("feature_generator", attention, background)
        logits = {
            "direct": apply("au_detector", features, points),
            "reconstructed": apply("au_detector", reconstructed, points),
        }
        landmarks = None
        if "landmark_detector" in players:
            landmarks = losses.f32(apply("landmark_detector", features))
        aus: dict[str, Array] = {
            path: nn.sigmoid(losses.f32(x)) for path, x in logits.items()
        }
        return Prediction(aus, landmarks)

    return predict
