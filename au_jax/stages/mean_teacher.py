"""Self-training on labels of a mean teacher (Tarvainen and Valpola 2017).

The teacher, a running mean of the student, labels the target's images (own_labels.py).
The student learns from them on images of other brightness and contrast.

The stage starts from `joint`, if the run has it, or from `supervised`. The teacher has
the names `feature_encoder` and `au_detector`, because it answers at test time.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Float

from au_jax.stages import losses, own_labels
from au_jax.stages.adaptation import BRANCH, domains, make_predict
from au_jax.stages.adaptation import init as init_teacher
from au_jax.stages.folding import fold
from au_jax.stages.networks import (
    apply_and_update_stats,
    infer,
    inputs_of,
    make_networks,
)
from au_jax.stages.state import Optimizers, TrainState, TrainStep
from au_jax.types import Array, Batch, Config, Params, Terms, Variables

__all__ = ["domains", "init", "make_predict", "make_train_step"]

TEACHER = ("feature_encoder", BRANCH)
STUDENT = tuple(f"student_{name}" for name in TEACHER)
"""The stage starts with both equal."""


def init(config: Config, key: jax.Array) -> Variables:
    """Return the teacher, an equal student, and thresholds that choose no label."""
    params, batch_stats = init_teacher(config, key)
    for group in (params["task"], batch_stats["task"]):
        for teacher, student in zip(TEACHER, STUDENT, strict=True):
            group[student] = group[teacher]
    batch_stats["task"]["labelling"] = own_labels.no_labels(len(config.data.aus))
    return Variables(params, batch_stats)


def vary(key: jax.Array, image: Float[Array, "b h w 3"]) -> Float[Array, "b h w 3"]:
    """Return images of other contrast (.6 to 1.4) and brightness (-.3 to .3)."""
    for_contrast, for_brightness = jax.random.split(key)
    shape = (len(image), 1, 1, 1)
    contrast = jax.random.uniform(for_contrast, shape, minval=0.6, maxval=1.4)
    brightness = jax.random.uniform(for_brightness, shape, minval=-0.3, maxval=0.3)
    return (image * contrast + brightness).clip(-1, 1)


def make_train_step(
    config: Config,
    optimizers: Optimizers,
    au_weight: Float[Array, "a"],
    num_steps: int,
) -> TrainStep:
    """Return the step of `own_labels`, after which the teacher moves."""
    networks, momentum = make_networks(config), config.mean_teacher.momentum

    def teach(params: Params, stats: Params, batch: Batch) -> Array:
        x, landmarks = batch["image"][1], batch["landmarks"][1]
        for name in TEACHER:
            inputs = inputs_of(name, x, landmarks)
            x = infer(getattr(networks, name), params, stats, name, *inputs)
        return jax.nn.sigmoid(losses.f32(x))

    def study(
        params: Params, stats: Params, batch: Batch, key: jax.Array
    ) -> tuple[Array, Params]:
        source, target = batch["image"]
        stats, x = dict(stats), fold(jnp.stack([source, vary(key, target)]))
        landmarks = fold(batch["landmarks"])
        for teacher, name in zip(TEACHER, STUDENT, strict=True):
            module, own_params = getattr(networks, teacher), params[name]
            inputs = inputs_of(teacher, x, landmarks)
            x = apply_and_update_stats(module, own_params, stats, name, *inputs)
        return x, stats

    step = own_labels.make_train_step(
        config, "mean_teacher", optimizers, au_weight, teach, study, STUDENT
    )

    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, Terms]:
        state, terms = step(state, batch)
        params, stats = (
            {"task": _follow(groups["task"], momentum)}
            for groups in (state.params, state.batch_stats)
        )
        return state.replace(params=params, batch_stats=stats), terms

    return train_step


def _follow(group: Params, momentum: float) -> Params:
    """Move the teacher towards the student: momentum * teacher + the rest * student."""
    new = dict(group)
    for teacher, student in zip(TEACHER, STUDENT, strict=True):
        new[teacher] = jax.tree.map(
            lambda old, now: momentum * old + (1 - momentum) * now,
            group[teacher],
            group[student],
        )
    return new
