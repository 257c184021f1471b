"""Self-training of the detector of gradient patches on the target's images.

The detector of `gradient_patches` stays as it is and labels the target
(own_labels.py). A student that starts as its copy learns from these labels and from the
source's, with patches left out: what the teacher is sure of, it learns to see in other
parts of the face, as the target shows them. A noisy student is that of Xie et al. (CVPR
2020).
"""

import jax
from jaxtyping import Float

from au_jax.models.patch_detector import drop_patches
from au_jax.stages import gradient_patches, losses, own_labels
from au_jax.stages.folding import fold
from au_jax.stages.gradient_patches import DETECTOR, make_detector, make_predict
from au_jax.stages.networks import apply_and_update_stats, infer
from au_jax.stages.state import Optimizers, TrainStep
from au_jax.types import Array, Batch, Config, Params, Variables

__all__ = ["domains", "init", "make_predict", "make_train_step"]

TEACHER = "teacher_patch_detector"


def domains(config: Config) -> tuple[str, ...]:
    """Return the domains of a training batch."""
    return ("source", "target")


def init(config: Config, key: jax.Array) -> Variables:
    """Return the student, an equal teacher, and thresholds that choose no label."""
    params, batch_stats = gradient_patches.init(config, key)
    for group in (params["task"], batch_stats["task"]):
        group[TEACHER] = group[DETECTOR]
    batch_stats["task"]["labelling"] = own_labels.no_labels(len(config.data.aus))
    return Variables(params, batch_stats)


def make_train_step(
    config: Config,
    optimizers: Optimizers,
    au_weight: Float[Array, "a"],
    num_steps: int,
) -> TrainStep:
    """Return the step of `own_labels`, which leaves the teacher as it is."""
    detector, dropout = make_detector(config), config.self_training.dropout

    def teach(params: Params, stats: Params, batch: Batch) -> Array:
        target = batch["image"][1], batch["landmarks"][1]
        logits = infer(detector, params, stats, TEACHER, *target)
        return jax.nn.sigmoid(losses.f32(logits))

    def study(
        params: Params, stats: Params, batch: Batch, key: jax.Array
    ) -> tuple[Array, Params]:
        stats, image = dict(stats), fold(batch["image"])
        inputs = image, fold(batch["landmarks"]), drop_patches(key, len(image), dropout)
        logits = apply_and_update_stats(
            detector, params[DETECTOR], stats, DETECTOR, *inputs
        )
        return logits, stats

    return own_labels.make_train_step(
        config, "self_training", optimizers, au_weight, teach, study, (DETECTOR,)
    )
