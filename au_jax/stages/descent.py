"""The step of the stages that descend one loss, without a game."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Float

from au_jax.models import remat
from au_jax.stages import accumulation
from au_jax.stages.state import (
    Optimizers,
    TrainState,
    TrainStep,
    gradient_norms,
    microbatch_key,
)
from au_jax.types import Array, Batch, Config, Params, Terms

Loss = Callable[
    [dict[str, Params], Params, Batch, Float[Array, ""], jax.Array], tuple[Array, Any]
]
"""`(parameters, running statistics, batch, progress, key)` to the total and the rest.

The rest is `(statistics, terms)`. The parameters are by group, the statistics are those
of the group "task". Progress is the share of the stage's steps that are done; the key
is the microbatch's own, for what is drawn at random.
"""


def make_train_step(
    config: Config, optimizers: Optimizers, num_steps: int, loss: Loss
) -> TrainStep:
    """Return a step on a loss, for every group of parameters."""
    loss_and_gradients = jax.value_and_grad(
        remat.rematerialise(loss, config.model.remat), has_aux=True
    )

    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, Terms]:
        def on_microbatch(
            carry: tuple[Params, Array], microbatch: Batch
        ) -> tuple[tuple[Params, Array], tuple[Terms, Params]]:
            stats, index = carry
            key = microbatch_key(config, state.step, index)
            (total, (stats, terms)), gradients = loss_and_gradients(
                state.params, stats, microbatch, state.step / num_steps, key
            )
            return (stats, index + 1), ({"total": total, **terms}, gradients)

        carry = state.batch_stats["task"], jnp.zeros((), jnp.int32)
        (stats, _), (terms, gradients) = accumulation.mean_over_microbatches(
            on_microbatch, carry, batch, config.accumulation
        )
        state = state.apply_gradients(optimizers, gradients)
        state = state.replace(step=state.step + 1, batch_stats={"task": stats})
        return state, terms | gradient_norms(gradients)

    return train_step
