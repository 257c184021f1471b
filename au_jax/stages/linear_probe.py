"""A linear probe on a frozen embedding, trained on the source's labels.

It measures what an embedding that was learned without labels knows of AUs. It starts
from a stage that learns one: `fab_net`, `tae` or `clp`.
"""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float

from au_jax.models.layers import scaled
from au_jax.models.linear_probe import LinearProbe
from au_jax.stages import accumulation, embedding, losses
from au_jax.stages.networks import apply_and_update_stats, infer, init_network
from au_jax.stages.state import Optimizers, TrainState, TrainStep, gradient_norms
from au_jax.types import (
    Array,
    Batch,
    Config,
    Params,
    PredictFn,
    Prediction,
    Terms,
    Variables,
)

PROBE = "probe"
FROZEN = ("feature_encoder", "embedder")


def domains(config: Config) -> tuple[str, ...]:
    """Return the domains of a training batch: the source alone."""
    return ("source",)


def make_probe(config: Config) -> LinearProbe:
    """Return the module of the probe."""
    return LinearProbe(len(config.data.aus), jnp.dtype(config.model.dtype))


def init(config: Config, key: jax.Array) -> Variables:
    """Return E_f, the embedder and the probe."""
    for_frozen, for_probe = jax.random.split(key)
    modules = embedding.encoders(config, "embedder")
    params, stats = embedding.init(config, for_frozen, modules)
    x = jnp.zeros((1, scaled(256, config.model.width)))
    made = init_network(make_probe(config), for_probe, x)
    params["task"][PROBE], stats["task"][PROBE] = made
    return Variables(params, stats)


def _make_embed(config: Config) -> Callable[[Variables, Array], Array]:
    modules = embedding.encoders(config, "embedder")

    def embed(variables: Variables, image: Array) -> Array:
        x = image
        for name in FROZEN:
            groups = variables.params["task"], variables.batch_stats["task"]
            x = infer(modules[name], *groups, name, x)
        return x

    return embed


def make_train_step(
    config: Config,
    optimizers: Optimizers,
    au_weight: Float[Array, "a"],
    num_steps: int,
) -> TrainStep:
    """Return a step of the probe on `au`; everything else stays as it is."""
    probe, embed = make_probe(config), _make_embed(config)

    def loss(
        params: Params, stats: Params, x: Array, batch: Batch
    ) -> tuple[Array, Params]:
        stats = dict(stats)
        logits = apply_and_update_stats(probe, params, stats, PROBE, x)
        return losses.labelled_au(logits, batch, au_weight), stats

    loss_and_gradients = jax.value_and_grad(loss, has_aux=True)

    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, Terms]:
        task = state.params["task"]

        def on_microbatch(
            stats: Params, microbatch: Batch
        ) -> tuple[Params, tuple[Array, Params]]:
            x = embed(state.variables, microbatch["image"][0])
            (value, stats), gradient = loss_and_gradients(
                task[PROBE], stats, x, microbatch
            )
            return stats, (value, gradient)

        stats, (value, gradient) = accumulation.mean_over_microbatches(
            on_microbatch, state.batch_stats["task"], batch, config.accumulation
        )
        still = jax.tree.map(jnp.zeros_like, task)
        state = state.apply_gradients(optimizers, {"task": {**still, PROBE: gradient}})
        state = state.replace(step=state.step + 1, batch_stats={"task": stats})
        norms = gradient_norms({"task": {PROBE: gradient}})
        return state, {"total": value, "au": value} | norms

    return train_step


def make_predict(config: Config) -> PredictFn:
    """Return the inference function; its only AU path is "direct"."""
    probe, embed = make_probe(config), _make_embed(config)

    def predict(
        variables: Variables,
        image: Float[Array, "b h w 3"],
        landmarks: Float[Array, "b 49 2"],
    ) -> Prediction:
        groups = variables.params["task"], variables.batch_stats["task"]
        logits = infer(probe, *groups, PROBE, embed(variables, image))
        return Prediction({"direct": nn.sigmoid(losses.f32(logits))}, None)

    return predict
