"""What the stages that learn embeddings without labels share.

They train E_f and an embedder behind it on clips of the source, detect nothing
themselves, and are judged by what follows: the stage `linear_probe`, or `supervised`
from their E_f.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from au_jax.models.face_embedder import FaceEmbedder
from au_jax.models.layers import scaled
from au_jax.stages.networks import (
    apply_and_update_stats,
    init_network,
    make_networks,
)
from au_jax.types import (
    Array,
    Config,
    Params,
    PredictFn,
    Prediction,
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
    return lambda variables, image, landmarks: Prediction({}, None)
