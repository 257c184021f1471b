"""E_f and E_au on labels, nothing else: the floor and the ceiling of every comparison.

On source labels it is what adaptation has to beat; on target labels, what it might
reach (`config.supervised.domain`).
"""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float
from ml_collections import ConfigDict

from au_jax import losses
from au_jax.models.layers import scaled
from au_jax.stages.networks import infer, make_networks, update_stats, variables
from au_jax.train_state import Optimizers, TrainState, gradient_norms
from au_jax.types import Array, Batch, Params, Prediction, Terms


def domains(config: ConfigDict) -> tuple[str, ...]:
    """The one domain whose labels train."""
    return (config.supervised.domain,)


def init(
    config: ConfigDict, key: jax.Array
) -> tuple[dict[str, Params], dict[str, Params]]:
    """Fresh parameters and running statistics, by group and network."""
    networks = make_networks(config)
    crop, f = config.data.crop, config.data.crop // 4
    keys = jax.random.split(key)
    image = jnp.zeros((1, crop, crop, 3))
    features = jnp.zeros((1, f, f, scaled(64, config.model.width)))
    encoder = variables(networks.feature_encoder, keys[0], image)
    detector = variables(networks.au_detector, keys[1], features)
    params, batch_stats = (
        {"task": {"feature_encoder": e, "au_detector": d}}
        for e, d in zip(encoder, detector, strict=True)
    )
    return params, batch_stats


def make_train_step(
    config: ConfigDict, optimizers: Optimizers, au_weight: Float[Array, "a"]
) -> Callable[[TrainState, Batch], tuple[TrainState, Terms]]:
    """One step on BCE_w of the labelled images (paper.md section 4)."""
    networks = make_networks(config)

    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, Terms]:
        def loss(params: dict[str, Params]):
            task, stats = params["task"], dict(state.batch_stats["task"])
            x = batch["image"][0]
            for name in ("feature_encoder", "au_detector"):
                module = getattr(networks, name)
                x = update_stats(module, task[name], stats, name, x)
            aus, known = batch["aus"][0], batch["aus_known"][0]
            return losses.au(x, aus, known, au_weight), stats

        (value, stats), gradients = jax.value_and_grad(loss, has_aux=True)(state.params)
        state = state.apply_gradients(optimizers, gradients)
        state = state.replace(step=state.step + 1, batch_stats={"task": stats})
        terms = {"total": value, "au": value}
        return state, terms | gradient_norms(gradients)

    return train_step


def make_predict(
    config: ConfigDict,
) -> Callable[
    [dict[str, Params], dict[str, Params], Float[Array, "b h w 3"]], Prediction
]:
    """The direct path; there is no other."""
    networks = make_networks(config)

    def predict(
        params: dict[str, Params],
        batch_stats: dict[str, Params],
        image: Float[Array, "b h w 3"],
    ) -> Prediction:
        x = image
        for name in ("feature_encoder", "au_detector"):
            module = getattr(networks, name)
            x = infer(module, params["task"], batch_stats["task"], name, x)
        return Prediction({"direct": nn.sigmoid(losses.f32(x))}, None)

    return predict
