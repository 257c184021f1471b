"""AdaBN: the target's running statistics in the source's network (Li et al. 2016).

"Revisiting Batch Normalization For Practical Domain Adaptation", algorithm 1: no
parameter changes. The stage starts from `supervised`, and its running statistics become
those of about the last ten batches of the target.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Float

from au_jax.stages import accumulation
from au_jax.stages.adaptation import BRANCH, init, make_predict
from au_jax.stages.networks import apply_and_update_stats, inputs_of, make_networks
from au_jax.stages.state import Optimizers, TrainState, TrainStep
from au_jax.types import Array, Batch, Config, Params, Terms

__all__ = ["domains", "init", "make_predict", "make_train_step"]


def domains(config: Config) -> tuple[str, ...]:
    """Return the target."""
    return ("target",)


def make_train_step(
    config: Config,
    optimizers: Optimizers,
    au_weight: Float[Array, "a"],
    num_steps: int,
) -> TrainStep:
    """Return a step that updates running statistics alone.

    Its only term, `statistics_change`, is the mean absolute change of a statistic.
    """
    networks = make_networks(config)

    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, Terms]:
        def on_microbatch(stats: Params, microbatch: Batch) -> tuple[Params, None]:
            stats, x = dict(stats), microbatch["image"][0]
            for name in ("feature_encoder", BRANCH):
                module, params = getattr(networks, name), state.params["task"][name]
                inputs = inputs_of(name, x, microbatch["landmarks"][0])
                x = apply_and_update_stats(module, params, stats, name, *inputs)
            return stats, None

        old = state.batch_stats["task"]
        new, _ = accumulation.mean_over_microbatches(
            on_microbatch, old, batch, config.accumulation
        )
        change = jnp.stack(
            [
                jnp.abs(after - before).mean()
                for after, before in zip(
                    jax.tree.leaves(new), jax.tree.leaves(old), strict=True
                )
            ]
        ).mean()
        state = state.replace(step=state.step + 1, batch_stats={"task": new})
        return state, {"total": change, "statistics_change": change}

    return train_step
