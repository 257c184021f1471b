"""Self-training of the detector of gradient patches on the target's images.

The detector of `gradient_patches` stays as it is and labels the target. Per AU its
surest answers count, as in `mean_teacher`. A student that starts as its copy learns
from them and from the source's labels, with patches left out: what the teacher is sure
of, it learns to see in other parts of the face, as the target shows them. A noisy
student is that of Xie et al. (CVPR 2020).
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Float

from au_jax.models import remat
from au_jax.models.patch_detector import drop_patches
from au_jax.stages import accumulation, gradient_patches, losses
from au_jax.stages.forward import fold, unfold
from au_jax.stages.gradient_patches import DETECTOR, make_detector, make_predict
from au_jax.stages.mean_teacher import choose_labels, no_labels, update_labelling
from au_jax.stages.networks import apply_and_update_stats, infer
from au_jax.stages.state import Optimizers, TrainState, TrainStep, gradient_norms
from au_jax.types import Array, Batch, Config, Params, Terms, Variables

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
    batch_stats["task"]["labelling"] = no_labels(len(config.data.aus))
    return Variables(params, batch_stats)


def make_train_step(
    config: Config,
    optimizers: Optimizers,
    au_weight: Float[Array, "a"],
    num_steps: int,
) -> TrainStep:
    """Return a step on `au` + weight * `self_training`, which leaves the teacher.

    `labelled` is the share of the target's answers that count.
    """
    detector, options = make_detector(config), config.self_training
    weights = {"au": 1.0, "self_training": options.weight}

    def learn(
        student: Params, stats: Params, batch: Batch, p: Array, kept: Array
    ) -> tuple[Array, tuple[Params, Terms]]:
        stats, inputs = dict(stats), (fold(batch["image"]), fold(batch["landmarks"]))
        logits = apply_and_update_stats(
            detector, student, stats, DETECTOR, *inputs, kept
        )
        source, target = unfold(logits)
        labels, counts = choose_labels(p, stats["labelling"])
        terms = {
            "au": losses.au(source, batch["aus"][0], batch["aus_known"][0], au_weight),
            "self_training": losses.au(target, labels, counts, au_weight),
        }
        total = losses.total(terms, weights)
        return total, (stats, terms | {"labelled": counts.mean()})

    loss_and_gradients = jax.value_and_grad(
        remat.rematerialise(learn, config.model.remat), has_aux=True
    )

    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, Terms]:
        key = jax.random.fold_in(jax.random.key(config.seed), state.step)
        task = state.params["task"]

        def on_microbatch(stats: Params, microbatch: Batch) -> tuple[Params, Any]:
            target = microbatch["image"][1], microbatch["landmarks"][1]
            logits = infer(detector, task, stats, TEACHER, *target)
            p = jax.nn.sigmoid(losses.f32(logits))
            labelling = update_labelling(
                stats["labelling"],
                p,
                microbatch["aus"][0],
                microbatch["aus_known"][0],
                options.share,
                state.step,
            )
            kept = drop_patches(key, 2 * len(p), options.dropout)
            (total, (stats, terms)), gradients = loss_and_gradients(
                task[DETECTOR], {**stats, "labelling": labelling}, microbatch, p, kept
            )
            return stats, ({"total": total, **terms}, gradients)

        stats, (terms, of_student) = accumulation.mean_over_microbatches(
            on_microbatch, state.batch_stats["task"], batch, config.accumulation
        )
        still = jax.tree.map(jnp.zeros_like, task[TEACHER])
        gradients = {"task": {DETECTOR: of_student, TEACHER: still}}
        state = state.apply_gradients(optimizers, gradients)
        state = state.replace(step=state.step + 1, batch_stats={"task": stats})
        return state, terms | gradient_norms({"task": {DETECTOR: of_student}})

    return train_step
