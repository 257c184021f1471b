"""The state of training, and how gradients update it."""

from collections.abc import Callable, Mapping
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree

from au_jax.types import Array, Batch, Config, Params, Terms, Variables

Optimizers = Mapping[str, optax.GradientTransformation]
"""One optimizer per parameter group, by group."""

_DRAWS = 2**32 - 1
"""Beyond the number of any stage, which is folded into the seed for its networks."""


class TrainState(flax.struct.PyTreeNode):
    """Everything that a training step reads and updates.

    `params`, `batch_stats` and `opt_state` are keyed by group: "task", "generator",
    "discriminator", as far as the stage has them. Inside a group of `params` or
    `batch_stats` there is one entry per network.
    """

    step: jax.Array
    params: dict[str, Params]
    batch_stats: dict[str, Params]
    opt_state: dict[str, optax.OptState]

    @property
    def variables(self) -> Variables:
        """The networks' variables, without the state of the optimizers."""
        return Variables(self.params, self.batch_stats)

    def apply_gradients(
        self, optimizers: Optimizers, gradients: Mapping[str, Params]
    ) -> "TrainState":
        """Update the groups named in `gradients`; leave the others unchanged."""
        params: dict[str, Any] = dict(self.params)
        opt_state = dict(self.opt_state)
        for group, gradient in gradients.items():
            updates, opt_state[group] = optimizers[group].update(
                gradient, opt_state[group], params[group]
            )
            params[group] = optax.apply_updates(params[group], updates)
        return self.replace(params=params, opt_state=opt_state)

    def apply_gradients_if(
        self,
        due: Array,
        optimizers: Optimizers,
        gradients: Mapping[str, Params],
    ) -> "TrainState":
        """Do as `apply_gradients` where `due` is true; else leave all unchanged.

        But the schedules of the learning rates count every step.
        """

        return select(due, self.apply_gradients(optimizers, gradients), self)


def select(due: Array, new: TrainState, old: TrainState) -> TrainState:
    """Return `new` where `due` is true, else `old` with the schedules' counts of `new`.

    So the learning rates follow the steps, whether these change the networks or not.
    """

    def is_count(node: Any) -> bool:
        return isinstance(node, optax.ScaleByScheduleState)

    def choose(new: Any, old: Any) -> Any:
        return new if is_count(new) else jnp.where(due, new, old)

    return jax.tree.map(choose, new, old, is_leaf=is_count)


def microbatch_key(config: Config, step: Array, microbatch: Array) -> jax.Array:
    """Return the key for what a microbatch of a step draws at random.

    It is none of the keys with which the seed draws initial networks.

    Args:
        config: The config of the run.
        step: The number of steps done.
        microbatch: Its index in the batch (`config.accumulation`).
    """
    draws = jax.random.fold_in(jax.random.key(config.seed), _DRAWS)
    key = jax.random.fold_in(draws, step)
    return key if config.accumulation == 1 else jax.random.fold_in(key, microbatch)


def create(variables: Variables, optimizers: Optimizers) -> TrainState:
    """Return the state before the first step."""
    params, batch_stats = variables
    opt_state = {group: optimizers[group].init(p) for group, p in params.items()}
    return TrainState(jnp.zeros((), jnp.int32), params, batch_stats, opt_state)


TrainStep = Callable[[TrainState, Batch], tuple[TrainState, Terms]]
"""`(state, batch) -> (state after the step, loss terms and gradient norms)`."""


def checkpoint_items(state: TrainState) -> dict[str, Any]:
    """Return the items of a checkpoint by name.

    The step is not among them: it is the number of the checkpoint.
    """
    return {
        "params": state.params,
        "batch_stats": state.batch_stats,
        "opt_state": state.opt_state,
    }


def gradient_norms(gradients: Mapping[str, Params]) -> Terms:
    """Return the L2 norm of each network's gradient, named for the log."""
    return {
        # One vector per network: on GPUs, a norm per parameter costs several launches.
        f"gradient_norm/{group}/{name}": jnp.linalg.norm(ravel_pytree(gradient)[0])
        for group, networks in gradients.items()
        for name, gradient in networks.items()
    }
