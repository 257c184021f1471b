"""The networks that a config describes, and how to initialise and apply one."""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from au_jax.faces.landmarks import NUM_LANDMARKS
from au_jax.models.au_detector import AuDetector
from au_jax.models.background_generator import BackgroundGenerator
from au_jax.models.domain_discriminator import DomainDiscriminator
from au_jax.models.feature_encoder import FeatureEncoder
from au_jax.models.feature_generator import FeatureGenerator
from au_jax.models.landmark_detector import LandmarkDetector
from au_jax.models.landmark_discriminator import LandmarkDiscriminator
from au_jax.models.landmark_encoder import LandmarkEncoder
from au_jax.models.projector import OrthonormalProjector, PixelProjector, Projector
from au_jax.types import Array, Config, Params


class Networks(NamedTuple):
    """All modules of the method. They hold no parameters."""

    feature_encoder: FeatureEncoder
    landmark_encoder: LandmarkEncoder
    landmark_detector: LandmarkDetector
    au_detector: AuDetector
    background_generator: BackgroundGenerator
    feature_generator: FeatureGenerator
    landmark_discriminator: LandmarkDiscriminator
    domain_discriminator: DomainDiscriminator
    projector: Projector | PixelProjector | OrthonormalProjector | None
    """None in models without projectors."""


PROJECTORS = {
    "none": None,
    "identity_init": Projector,
    "pixel": PixelProjector,
    "both": OrthonormalProjector,
}
"""By `config.model.projector`."""


def make_networks(config: Config) -> Networks:
    """Return the modules with the width and data type of `config.model`."""
    model, dtype = config.model, jnp.dtype(config.model.dtype)
    size: dict[str, Any] = {"width": model.width, "dtype": dtype}
    projector = PROJECTORS[model.projector]
    return Networks(
        feature_encoder=FeatureEncoder(**size),
        landmark_encoder=LandmarkEncoder(**size),
        landmark_detector=LandmarkDetector(reduction=model.reduction, **size),
        au_detector=AuDetector(len(config.data.aus), model.au_pooling, **size),
        background_generator=BackgroundGenerator(**size),
        feature_generator=FeatureGenerator(**size),
        landmark_discriminator=LandmarkDiscriminator(**size),
        domain_discriminator=DomainDiscriminator(**size),
        projector=projector and projector(dtype=dtype),
    )


NO_LANDMARKS = np.zeros((1, NUM_LANDMARKS, 2), np.float32)
"""Landmarks of one image, to initialise networks with."""


def inputs_of(
    name: str, x: Float[Array, "b *h c"], landmarks: Float[Array, "b 49 2"]
) -> tuple[Array, ...]:
    """Return what E_f or a branch takes: E_au takes the landmarks, too."""
    return (x, landmarks) if name == "au_detector" else (x,)


def init_network(
    module: nn.Module, key: jax.Array, *inputs: Array
) -> tuple[Params, Params]:
    """Return fresh parameters and running statistics ({} for a network without any)."""
    variables: Any = module.init(key, *inputs)
    return variables["params"], variables.get("batch_stats", {})


def apply_and_update_stats(
    module: nn.Module,
    params: Params,
    batch_stats: dict[str, Params],
    name: str,
    *inputs: Array,
) -> Float[Array, "b *out"]:
    """Apply a network with batch norm in training mode; update `batch_stats[name]`.

    `batch_stats` is modified in place. A step copies the dict once, then applies its
    networks in the order in which the running statistics must see the inputs.
    """
    updated: Any
    out, updated = module.apply(
        {"params": params, "batch_stats": batch_stats[name]},
        *inputs,
        train=True,
        mutable=["batch_stats"],
    )
    batch_stats[name] = updated["batch_stats"]
    return out


def apply(module: nn.Module, params: Params, *inputs: Array) -> Any:
    """Apply a network that has no running statistics."""
    return module.apply({"params": params}, *inputs)


def infer(
    module: nn.Module, params: Params, batch_stats: Params, name: str, *inputs: Array
) -> Any:
    """Apply the network `name` in inference mode.

    Batch norm uses the running statistics; networks without any have no entry in
    `batch_stats`.
    """
    collections = {"params": params[name]}
    if name in batch_stats:
        collections["batch_stats"] = batch_stats[name]
    return module.apply(collections, *inputs)
