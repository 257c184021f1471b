"""Training of E_f and E_au on the source's labels and the target's images.

The methods that add terms to the source's BCE share this code. Both domains pass
through E_f and E_au as one batch, so that batch norm sees in training the mixture that
its running statistics describe. At test time, both domains take the path "direct",
AU(E_f(I)).
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float

from au_jax.models.layers import scaled
from au_jax.stages import descent, losses, single_branch
from au_jax.stages.folding import fold, unfold
from au_jax.stages.networks import (
    apply_and_update_stats,
    init_network,
    inputs_of,
    make_networks,
)
from au_jax.stages.state import Optimizers, TrainStep
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

BRANCH = "au_detector"


class Outputs(NamedTuple):
    """What the terms of a method see of both domains, source first."""

    features: Float[Array, "2 b f f c"]
    """F, the output of E_f."""
    logits: Float[Array, "2 b a"]
    progress: Float[Array, ""]
    """The share of the stage's steps that are done, 0 to 1."""


MethodTerms = Callable[[Params, Outputs], Terms]
"""`(parameters by group, outputs) -> terms of the method`."""


def domains(config: Config) -> tuple[str, ...]:
    """Return both domains, source first."""
    return DOMAINS


def init(config: Config, key: jax.Array) -> Variables:
    """Return freshly initialised networks: E_f and E_au."""
    return single_branch.init(config, key, BRANCH)


def init_discriminator(config: Config, key: jax.Array) -> dict[str, Params]:
    """Return the group "discriminator": one network that tells the domains apart."""
    f, c = config.data.crop // 4, scaled(64, config.model.width)
    module = make_networks(config).domain_discriminator
    params, _ = init_network(module, key, jnp.zeros((1, f, f, c)))
    return {"domain": params}


def make_train_step(
    config: Config,
    optimizers: Optimizers,
    au_weight: Float[Array, "a"],
    num_steps: int,
    method_terms: MethodTerms,
    weights: Mapping[str, float],
) -> TrainStep:
    """Return a step on `au` + sum of weight * term, for every group of parameters.

    Args:
        config: The experiment.
        optimizers: One per parameter group.
        au_weight: The weights of the AUs in the source's BCE_w.
        num_steps: Steps of the stage.
        method_terms: The terms of the method.
        weights: Their weights.
    """
    networks, weights = make_networks(config), {"au": 1.0, **weights}

    def loss(
        params: Params, stats: Params, batch: Batch, progress: Array, key: jax.Array
    ) -> tuple[Array, tuple[Params, Terms]]:
        stats, x = dict(stats), fold(batch["image"])
        outputs, landmarks = [], fold(batch["landmarks"])
        for name in ("feature_encoder", BRANCH):
            module, own_params = getattr(networks, name), params["task"][name]
            inputs = inputs_of(name, x, landmarks)
            x = apply_and_update_stats(module, own_params, stats, name, *inputs)
            outputs.append(unfold(x))
        features, logits = outputs
        source = losses.labelled_au(logits[0], batch, au_weight)
        seen = Outputs(features, losses.f32(logits), progress)
        terms = {"au": source, **method_terms(params, seen)}
        return losses.total(terms, weights), (stats, terms)

    return descent.make_train_step(config, optimizers, num_steps, loss)


def make_predict(config: Config) -> PredictFn:
    """Return the inference function; its only AU path is "direct"."""
    infer = single_branch.make_infer(config, BRANCH)
    return lambda *inputs: Prediction({"direct": nn.sigmoid(infer(*inputs))}, None)


def pooled(features: Float[Array, "2 b f f c"]) -> Float[Array, "2 b c"]:
    """Return one vector per image: the mean of its feature map."""
    return losses.f32(features).mean(axis=(2, 3))
