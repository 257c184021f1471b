"""What a checkpoint holds, and how gradients change it."""

from collections.abc import Callable, Mapping
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree

from au_jax.types import Batch, Params, Terms, Variables

Optimizers = Mapping[str, optax.GradientTransformation]
"""One optimizer per parameter group."""


class TrainState(flax.struct.PyTreeNode):
    """`params`, `batch_stats` and `opt_state` are keyed by group.

    Groups: "task", "generator", "discriminator" (those that the stage has); inside a
    group, one entry per network.
    """

    step: jax.Array
    params: dict[str, Params]
    batch_stats: dict[str, Params]
    opt_state: dict[str, optax.OptState]

    @property
    def variables(self) -> Variables:
        """The networks, without the state of their optimizers."""
        return Variables(self.params, self.batch_stats)

    def apply_gradients(
        self, optimizers: Optimizers, gradients: Mapping[str, Params]
    ) -> "TrainState":
        """Updates the groups named in `gradients`; the others stay as they are."""
        params: dict[str, Any] = dict(self.params)
        opt_state = dict(self.opt_state)
        for group, gradient in gradients.items():
            updates, opt_state[group] = optimizers[group].update(
                gradient, opt_state[group], params[group]
            )
            params[group] = optax.apply_updates(params[group], updates)
        return self.replace(params=params, opt_state=opt_state)


def create(variables: Variables, optimizers: Optimizers) -> TrainState:
    """The state before the first step."""
    params, batch_stats = variables
    opt_state = {group: optimizers[group].init(p) for group, p in params.items()}
    return TrainState(jnp.zeros((), jnp.int32), params, batch_stats, opt_state)


TrainStep = Callable[[TrainState, Batch], tuple[TrainState, Terms]]
"""`(state, batch) -> (state after the step, loss terms and gradient norms)`."""


def parts(state: TrainState) -> dict[str, Any]:
    """What a checkpoint stores, by name; the step is the checkpoint's number."""
    return {
        "params": state.params,
        "batch_stats": state.batch_stats,
        "opt_state": state.opt_state,
    }


def gradient_norms(gradients: Mapping[str, Params]) -> Terms:
    """The L2 norm of each network's gradient, by group and name, for the log."""
    return {
        # As one vector: on GPUs a sum per parameter is several launches for each.
        f"gradient_norm/{group}/{name}": jnp.linalg.norm(ravel_pytree(gradient)[0])
        for group, networks in gradients.items()
        for name, gradient in networks.items()
    }
