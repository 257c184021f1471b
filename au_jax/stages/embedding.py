"""What the stages that learn embeddings without labels share.

They train E_f and an embedder behind it on clips of the source, detect nothing
themselves, and are judged by what follows: the stage `linear_probe`, or `supervised`
from their E_f.
"""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float

from au_jax.models import remat
from au_jax.models.face_embedder import FaceEmbedder
from au_jax.models.layers import scaled
from au_jax.stages import accumulation
from au_jax.stages.networks import (
    apply_and_update_stats,
    init_network,
    make_networks,
)
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

FRAME = "source"
"""The domain of each frame of a clip."""

Modules = dict[str, nn.Module]
"""Networks by name."""


def make_embedder(config: Config) -> FaceEmbedder:
    """Return the embedder with the width and data type of `config.model`."""
    return FaceEmbedder(config.model.width, jnp.dtype(config.model.dtype))


def encoders(config: Config, *embedders: str) -> Modules:
    """Return E_f and embedders of these names."""
    encoder: Modules = {"feature_encoder": make_networks(config).feature_encoder}
    return encoder | {name: make_embedder(config) for name in embedders}


def init(config: Config, key: jax.Array, modules: Modules, *embedded: str) -> Variables:
    """Return freshly initialised networks of the group "task".

    Args:
        config: The experiment.
        key: A random key.
        modules: E_f, embedders, and networks that take two embeddings.
        embedded: The names of the networks that take two embeddings.
    """
    crop = config.data.crop
    f, c = crop // 4, scaled(64, config.model.width)
    params, stats = {}, {}
    for (name, module), k in zip(
        modules.items(), jax.random.split(key, len(modules)), strict=True
    ):
        if name in embedded:
            x = jnp.zeros((1, 2 * scaled(256, config.model.width)))
        elif name == "feature_encoder":
            x = jnp.zeros((1, crop, crop, 3))
        else:
            x = jnp.zeros((1, f, f, c))
        params[name], stats[name] = init_network(module, k, x)
    return Variables({"task": params}, {"task": stats})


Loss = Callable[[dict[str, Params], Params, Batch, Float[Array, ""]], tuple[Array, Any]]
"""`(parameters, running statistics, clips, progress) -> (total, (statistics, terms))`.

The parameters are by group, the statistics are those of the group "task".
"""


def make_train_step(
    config: Config, optimizers: Optimizers, num_steps: int, loss: Loss
) -> TrainStep:
    """Return a step on a loss of clips, whose terms it returns."""
    loss_and_gradients = jax.value_and_grad(
        remat.rematerialise(loss, config.model.remat), has_aux=True
    )

    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, Terms]:
        def on_microbatch(
            stats: Params, microbatch: Batch
        ) -> tuple[Params, tuple[Terms, Params]]:
            (total, (stats, terms)), gradients = loss_and_gradients(
                state.params, stats, microbatch, state.step / num_steps
            )
            return stats, ({"total": total, **terms}, gradients)

        stats, (terms, gradients) = accumulation.mean_over_microbatches(
            on_microbatch, state.batch_stats["task"], batch, config.accumulation
        )
        state = state.apply_gradients(optimizers, gradients)
        state = state.replace(step=state.step + 1, batch_stats={"task": stats})
        return state, terms | gradient_norms(gradients)

    return train_step


class Players:
    """Networks in training mode that share running statistics.

    Args:
        modules: The networks by name.
        params: Their parameters by name.
        stats: Their running statistics before the step; `self.stats` are those after
            the applications so far.
    """

    def __init__(self, modules: Modules, params: Params, stats: Params):
        self.modules, self.params, self.stats = modules, params, dict(stats)

    def __call__(self, name: str, x: Array) -> Array:
        """Apply a network in training mode."""
        return apply_and_update_stats(
            self.modules[name], self.params[name], self.stats, name, x
        )


def make_predict(config: Config) -> PredictFn:
    """Return the inference function, which predicts nothing."""
    return lambda variables, image: Prediction({}, None)
