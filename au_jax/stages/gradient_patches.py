"""Training of the detector of gradient patches on the source's labels.

It is the simple detector that the methods with features of their own have to beat. It
shares no network with them, and sees neither the target nor any adaptation: what was
tried of that made it worse (docs/findings.md).
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float

from au_jax.models.patch_detector import PatchDetector, drop_patches
from au_jax.stages import descent, losses
from au_jax.stages.networks import (
    NO_LANDMARKS,
    apply_and_update_stats,
    infer,
    init_network,
)
from au_jax.stages.state import Optimizers, TrainStep
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

DETECTOR = "patch_detector"


def domains(config: Config) -> tuple[str, ...]:
    """Return the domains of a training batch: the source alone."""
    return ("source",)


def make_detector(config: Config) -> PatchDetector:
    """Return the module of the detector."""
    model = config.model
    return PatchDetector(
        len(config.data.aus),
        model.width,
        jnp.dtype(model.dtype),
        model.resting_patches,
    )


def init(config: Config, key: jax.Array) -> Variables:
    """Return a freshly initialised detector."""
    crop = config.data.crop
    image = jnp.zeros((1, crop, crop, 3))
    params, stats = init_network(make_detector(config), key, image, NO_LANDMARKS)
    return Variables({"task": {DETECTOR: params}}, {"task": {DETECTOR: stats}})


def make_train_step(
    config: Config,
    optimizers: Optimizers,
    au_weight: Float[Array, "a"],
    num_steps: int,
) -> TrainStep:
    """Return a training step on BCE_w of the labelled images (method.md section 4)."""
    detector = make_detector(config)

    def loss(
        params: dict[str, Params],
        stats: Params,
        batch: Batch,
        progress: Array,
        key: jax.Array,
    ) -> tuple[Array, tuple[Params, Terms]]:
        stats, image, landmarks = dict(stats), batch["image"][0], batch["landmarks"][0]
        kept = drop_patches(key, len(image), config.gradient_patches.dropout)
        own_params = params["task"][DETECTOR]
        logits = apply_and_update_stats(
            detector, own_params, stats, DETECTOR, image, landmarks, kept
        )
        value = losses.labelled_au(logits, batch, au_weight)
        return value, (stats, {"au": value})

    return descent.make_train_step(config, optimizers, num_steps, loss)


def make_predict(config: Config) -> PredictFn:
    """Return the inference function; its only AU path is "direct"."""
    detector = make_detector(config)

    def predict(
        variables: Variables,
        image: Float[Array, "b h w 3"],
        landmarks: Float[Array, "b 49 2"],
    ) -> Prediction:
        groups = variables.params["task"], variables.batch_stats["task"]
        logits = infer(detector, *groups, DETECTOR, image, landmarks)
        return Prediction({"direct": nn.sigmoid(losses.f32(logits))}, None)

    return predict
