"""A student learns from the source's labels, and from a teacher's on the target.

This is the step that `mean_teacher` and `self_training` share. Per AU, only the
teacher's surest answers count, about in the proportion of active and inactive labels
in the source: otherwise the labels of a rare AU would all be inactive. This choice is
ours.

How many answers count is known only after the teacher has answered. So with
microbatches, `self_training` is the mean of their means, unlike `au`, which is the mean
over the source's known labels of the whole batch (`accumulation`).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float

from au_jax.models import remat
from au_jax.stages import accumulation, losses
from au_jax.stages.folding import unfold
from au_jax.stages.state import (
    Optimizers,
    TrainState,
    TrainStep,
    gradient_norms,
    microbatch_key,
)
from au_jax.types import Array, Batch, Config, Params, Terms

MEMORY = 0.99
"""Of the running means of thresholds and of the source's share of active labels."""

NONE_YET = -1.0
"""The share of active labels of an AU before its first known one."""

Teach = Callable[[Params, Params, Batch], Float[Array, "b a"]]
"""`(parameters, statistics, batch)` to the probabilities of the target's images.

Parameters and statistics are those of the group "task".
"""

Study = Callable[
    [Params, Params, Batch, jax.Array], tuple[Float[Array, "two_b a"], Params]
]
"""`(parameters, statistics, batch, key)` to the student's logits and new statistics.

The logits are those of the source's and the target's images in turn, as `fold` puts
them. The key is the microbatch's own, for what is drawn at random.
"""


def no_labels(num_aus: int) -> dict[str, Float[Array, "a"]]:
    """Return thresholds that choose no label, before the first known one."""
    zeros = jnp.zeros(num_aus)
    return {
        "active": zeros + NONE_YET,  # the source's share of active labels
        "upper": zeros + 2,  # the least probability that counts as active
        "lower": zeros - 1,  # the greatest that counts as inactive
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
    before: Array,
) -> dict[str, Float[Array, "a"]]:
    """Return running means of the source's rates and of the target's quantiles.

    With the rate r of active labels in the source, `share` * r of the target's answers
    count as active and `share` * (1 - r) as inactive. The means are over all batches at
    first, later over about the last 100; `before` is the number of batches so far. A
    batch without a known label of an AU leaves its rate. The means of an AU begin with
    the first batch that has one; before it, no answer counts. If that batch is late,
    its rate fades over about the next 100.

    The quantiles are those of a batch, and lie further inside than those of all
    answers. So more than `share` * r of them count as active where an AU is rare: with
    batches of 16 and r = .05, 5 to 8 % instead of 2.5 %.
    """
    memory = jnp.minimum(before / (before + 1), MEMORY)
    count = known.sum(axis=0)
    rate = (aus * known).sum(axis=0) / jnp.maximum(count, 1)
    rate = jnp.where(count > 0, rate, labelling["active"])
    had_none, has_none = labelling["active"] < 0, rate < 0

    def mean(name: str, new: Array) -> Array:
        old = labelling[name]
        updated = jnp.where(had_none, new, memory * old + (1 - memory) * new)
        return jnp.where(has_none, old, updated)

    active = mean("active", rate)
    r = jnp.maximum(active, 0)
    quantile = jax.vmap(jnp.quantile, in_axes=(1, 0))
    return {
        "active": active,
        "upper": mean("upper", quantile(p, 1 - share * r)),
        "lower": mean("lower", quantile(p, share * (1 - r))),
    }


def make_train_step(
    config: Config,
    stage: str,
    optimizers: Optimizers,
    au_weight: Float[Array, "a"],
    teach: Teach,
    study: Study,
    students: Sequence[str],
) -> TrainStep:
    """Return a step on `au` + weight * `self_training`, which leaves the teacher.

    `labelled` is the share of the target's answers that count.

    Args:
        config: The config of the run.
        stage: The stage, whose `weight` and `share` count.
        optimizers: The optimizer of the group "task".
        au_weight: The weight of each AU.
        teach: The teacher.
        study: The student.
        students: The names of the student's networks.
    """
    options = config[stage]
    weights = {"au": 1.0, "self_training": options.weight}

    def learn(
        params: Params, stats: Params, batch: Batch, p: Array, key: jax.Array
    ) -> tuple[Array, tuple[Params, Terms]]:
        labels, counts = choose_labels(p, stats["labelling"])
        logits, stats = study(params, stats, batch, key)
        source, target = unfold(logits)
        terms = {
            "au": losses.labelled_au(source, batch, au_weight),
            "self_training": losses.au(target, labels, counts, au_weight),
        }
        total = losses.total(terms, weights)
        return total, (stats, terms | {"labelled": counts.mean()})

    loss_and_gradients = jax.value_and_grad(
        remat.rematerialise(learn, config.model.remat), has_aux=True
    )

    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, Terms]:
        task, count = state.params["task"], config.accumulation

        def on_microbatch(
            carry: tuple[Params, Array], microbatch: Batch
        ) -> tuple[tuple[Params, Array], Any]:
            stats, index = carry
            p = teach(task, stats, microbatch)
            aus, known = microbatch["aus"][0], microbatch["aus_known"][0]
            labelling = update_labelling(
                stats["labelling"],
                p,
                aus,
                known,
                options.share,
                state.step * count + index,
            )
            key = microbatch_key(config, state.step, index)
            (total, (stats, terms)), gradients = loss_and_gradients(
                task, {**stats, "labelling": labelling}, microbatch, p, key
            )
            return (stats, index + 1), ({"total": total, **terms}, gradients)

        # The gradients of the teacher are 0: it is no part of the loss.
        carry = state.batch_stats["task"], jnp.zeros((), jnp.int32)
        (stats, _), (terms, gradients) = accumulation.mean_over_microbatches(
            on_microbatch, carry, batch, count
        )
        norms = gradient_norms({"task": {name: gradients[name] for name in students}})
        state = state.apply_gradients(optimizers, {"task": gradients})
        state = state.replace(step=state.step + 1, batch_stats={"task": stats})
        return state, terms | norms

    return train_step
