"""The step of players against discriminators, for the methods that translate images.

The order is that of `joint`: one forward pass of the players, the discriminators'
update, and the players' gradient against the updated discriminators.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp

from au_jax.models import remat
from au_jax.stages import accumulation, losses
from au_jax.stages.state import (
    Optimizers,
    TrainState,
    TrainStep,
    gradient_norms,
    microbatch_key,
)
from au_jax.types import Array, Batch, Config, Params, Terms

Outputs = Any
"""A pytree of what the players compute; gradients flow through all of it."""

Carry = tuple[dict[str, Params], Array]
"""What passes from one microbatch to the next: running statistics, and its index."""


@runtime_checkable  # for the types that tests check
class Game(Protocol):
    """What a method provides."""

    def run(
        self,
        players: dict[str, Params],
        stats: dict[str, Params],
        batch: Batch,
        key: jax.Array,
    ) -> tuple[Outputs, dict[str, Params]]:
        """Return the outputs of the players, and their new running statistics.

        The key is for what they draw at random.
        """
        ...

    def discriminator_terms(
        self, discriminators: Params, outputs: Outputs, batch: Batch
    ) -> Terms:
        """Return the terms of the discriminators; their sum is their loss."""
        ...

    def player_terms(
        self, outputs: Outputs, discriminators: Params, batch: Batch
    ) -> Terms:
        """Return the terms of the players."""
        ...


def make_train_step(
    config: Config,
    optimizers: Optimizers,
    game: Game,
    weights: Mapping[str, float],
    due: Callable[[Array], Array] = lambda step: jnp.asarray(True),
) -> TrainStep:
    """Return the step of a game.

    Args:
        config: The experiment.
        optimizers: One per parameter group.
        game: The method.
        weights: The weights of the players' terms.
        due: Tells from the steps done whether the discriminators learn in this step.
    """

    def of_discriminators(
        params: Params, outputs: Outputs, batch: Batch
    ) -> tuple[Array, Terms]:
        terms = game.discriminator_terms(params, outputs, batch)
        return losses.total(terms, dict.fromkeys(terms, 1.0)), terms

    def of_players(
        outputs: Outputs, params: Params, batch: Batch
    ) -> tuple[Array, Terms]:
        terms = game.player_terms(outputs, params, batch)
        total = losses.total(terms, weights)
        return total, {"total": total, **terms}

    def run_players(
        state: TrainState, stats: Params, batch: Batch, index: Array
    ) -> Any:
        key = microbatch_key(config, state.step, index)
        run = remat.rematerialise(
            lambda players: game.run(players, stats, batch, key), config.model.remat
        )
        groups = {g: p for g, p in state.params.items() if g != "discriminator"}
        return jax.vjp(run, groups, has_aux=True)

    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, Terms]:
        old, count = state, config.accumulation
        start: Carry = old.batch_stats, jnp.zeros((), jnp.int32)
        shared_pass = (
            run_players(old, start[0], batch, start[1]) if count == 1 else None
        )

        def discriminator_side(carry: Carry, microbatch: Batch) -> tuple[Carry, Any]:
            stats, index = carry
            outputs, _, _ = shared_pass or run_players(old, stats, microbatch, index)
            return (stats, index + 1), jax.grad(of_discriminators, has_aux=True)(
                old.params["discriminator"], outputs, microbatch
            )

        _, (discriminators, their_terms) = accumulation.mean_over_microbatches(
            discriminator_side, start, batch, count
        )
        state = old.apply_gradients_if(
            due(old.step), optimizers, {"discriminator": discriminators}
        )

        def player_side(carry: Carry, microbatch: Batch) -> tuple[Carry, Any]:
            stats, index = carry
            outputs, pull_back, new = shared_pass or run_players(
                old, stats, microbatch, index
            )
            cotangents, terms = jax.grad(of_players, has_aux=True)(
                outputs, state.params["discriminator"], microbatch
            )
            return (new, index + 1), (pull_back(cotangents)[0], terms)

        (stats, _), (players, terms) = accumulation.mean_over_microbatches(
            player_side, start, batch, count
        )
        state = state.apply_gradients(optimizers, players)
        state = state.replace(step=state.step + 1, batch_stats=stats)
        norms = gradient_norms({"discriminator": discriminators, **players})
        return state, {**terms, **their_terms, **norms}

    return train_step
