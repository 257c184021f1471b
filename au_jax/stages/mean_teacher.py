"""Self-training on labels of a mean teacher (Tarvainen and Valpola 2017).

The teacher, a running mean of the student, labels the target's images. Per AU, only its
surest answers count, in the proportion of active and inactive labels in the source:
otherwise the labels of a rare AU would all be inactive. The student learns from them on
images of other brightness and contrast. This choice of labels is ours.

The stage starts from `joint`, if the run has it, or from `supervised`. The teacher has
the names `feature_encoder` and `au_detector`, because it answers at test time.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float

from au_jax.models import remat
from au_jax.stages import accumulation, losses
from au_jax.stages.adaptation import BRANCH, domains, make_predict
from au_jax.stages.adaptation import init as init_teacher
from au_jax.stages.forward import fold, unfold
from au_jax.stages.networks import (
    apply_and_update_stats,
    infer,
    inputs_of,
    make_networks,
)
from au_jax.stages.state import Optimizers, TrainState, TrainStep, gradient_norms
from au_jax.types import Array, Batch, Config, Params, Terms, Variables

__all__ = ["domains", "init", "make_predict", "make_train_step"]

TEACHER = ("feature_encoder", BRANCH)
STUDENT = tuple(f"student_{name}" for name in TEACHER)
"""The stage starts with both equal."""
MEMORY = 0.99
"""Of the running means of thresholds and of the source's share of active labels."""


def init(config: Config, key: jax.Array) -> Variables:
    """Return the teacher, an equal student, and thresholds that choose no label."""
    params, batch_stats = init_teacher(config, key)
    for group in (params["task"], batch_stats["task"]):
        for teacher, student in zip(TEACHER, STUDENT, strict=True):
            group[student] = group[teacher]
    batch_stats["task"]["labelling"] = no_labels(len(config.data.aus))
    return Variables(params, batch_stats)


def no_labels(num_aus: int) -> dict[str, Float[Array, "a"]]:
    """Return thresholds that choose no label, before the first step."""
    zeros = jnp.zeros(num_aus)
    return {
        "active": zeros,  # the source's share of active labels
        "upper": zeros + 1,  # the least probability that counts as active
        "lower": zeros,  # the greatest that counts as inactive
    }


def choose_labels(
    p: Float[Array, "b a"], labelling: Mapping[str, Float[Array, "a"]]
) -> tuple[Float[Array, "b a"], Bool[Array, "b a"]]:
    """Return the labels of the teacher's probabilities, and which of them count."""
    active = p >= labelling["upper"][None]
    inactive = p <= labelling["lower"][None]
    return jnp.asarray(active, jnp.float32), active != inactive


def update_labelling(
    labelling: Mapping[str, Float[Array, "a"]],
    p: Float[Array, "b a"],
    aus: Float[Array, "b a"],
    known: Bool[Array, "b a"],
    share: float,
    step: Array,
) -> dict[str, Float[Array, "a"]]:
    """Return running means of the source's rates and of the target's quantiles.

    With the rate r of active labels in the source, `share` * r of the target's answers
    count as active and `share` * (1 - r) as inactive. The means are over all steps at
    first, later over about the last 100.
    """
    memory = jnp.minimum(step / (step + 1), MEMORY)
    count = known.sum(axis=0)
    rate = jnp.where(count > 0, (aus * known).sum(axis=0) / jnp.maximum(count, 1), 0)

    def mean(old: Array, new: Array) -> Array:
        return memory * old + (1 - memory) * new

    active = mean(labelling["active"], rate)
    quantile = jax.vmap(jnp.quantile, in_axes=(1, 0))
    return {
        "active": active,
        "upper": mean(labelling["upper"], quantile(p, 1 - share * active)),
        "lower": mean(labelling["lower"], quantile(p, share * (1 - active))),
    }


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
    """Return a step on `au` + weight * `self_training`, after which the teacher moves.

    `labelled` is the share of the target's answers that count.
    """
    networks, options = make_networks(config), config.mean_teacher
    weights = {"au": 1.0, "self_training": options.weight}

    def teach(state: TrainState, batch: Batch) -> Array:
        x, landmarks = batch["image"][1], batch["landmarks"][1]
        task, stats = state.params["task"], state.batch_stats["task"]
        for name in TEACHER:
            inputs = inputs_of(name, x, landmarks)
            x = infer(getattr(networks, name), task, stats, name, *inputs)
        return jax.nn.sigmoid(losses.f32(x))

    def learn(
        params: Params, stats: Params, batch: Batch, varied: Array, p: Array
    ) -> tuple[Array, tuple[Params, Terms]]:
        stats, x = dict(stats), fold(jnp.stack([batch["image"][0], varied]))
        landmarks = fold(batch["landmarks"])
        for teacher, name in zip(TEACHER, STUDENT, strict=True):
            module, own_params = getattr(networks, teacher), params["task"][name]
            inputs = inputs_of(teacher, x, landmarks)
            x = apply_and_update_stats(module, own_params, stats, name, *inputs)
        source, target = unfold(x)
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

        def on_microbatch(stats: Params, microbatch: Batch) -> tuple[Params, Any]:
            p = teach(state, microbatch)
            varied = vary(key, microbatch["image"][1])
            labelling = update_labelling(
                stats["labelling"],
                p,
                microbatch["aus"][0],
                microbatch["aus_known"][0],
                options.share,
                state.step,
            )
            (total, (stats, terms)), gradients = loss_and_gradients(
                state.params, {**stats, "labelling": labelling}, microbatch, varied, p
            )
            return stats, ({"total": total, **terms}, gradients)

        stats, (terms, gradients) = accumulation.mean_over_microbatches(
            on_microbatch, state.batch_stats["task"], batch, config.accumulation
        )
        norms = gradient_norms({"task": {n: gradients["task"][n] for n in STUDENT}})
        state = state.apply_gradients(optimizers, gradients)
        task = _follow(state.params["task"], options.momentum)
        state = state.replace(
            step=state.step + 1,
            params={"task": task},
            batch_stats={"task": _follow(stats, options.momentum)},
        )
        return state, terms | norms

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
