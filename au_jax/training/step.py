"""The compiled training step: the one place where a stage's step is wrapped."""

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Float

from au_jax.data.transforms import normalise
from au_jax.runtime import devices
from au_jax.stages import STAGES
from au_jax.stages.state import Optimizers, TrainState, TrainStep, select
from au_jax.types import Array, Batch, Config, Terms


def build_train_step(
    stage: str,
    config: Config,
    optimizers: Optimizers,
    au_weight: Float[Array, "a"],
    num_steps: int,
) -> TrainStep:
    """The step of a stage for batches of bytes, not yet compiled."""
    step = STAGES[stage].make_train_step(config, optimizers, au_weight, num_steps)
    return skip_if_not_finite(normalise_images(step))


def compile_train_step(mesh: Mesh, train_step: TrainStep) -> TrainStep:
    """Compile a step: the batch is spread over the devices, the state is on each.

    The state given is donated: its memory holds the new state. Batch statistics and
    losses are those of the global batch.
    """
    on_every_device = devices.replicated(mesh)
    spread = NamedSharding(mesh, PartitionSpec(None, "data"))
    return jax.jit(
        train_step,
        in_shardings=(on_every_device, spread),
        out_shardings=on_every_device,
        donate_argnums=0,
    )


def normalise_images(train_step: TrainStep) -> TrainStep:
    """Let a stage's step take images as bytes: they travel to the device as such."""

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Terms]:
        return train_step(state, Batch({**batch, "image": normalise(batch["image"])}))

    return step


def skip_if_not_finite(train_step: TrainStep) -> TrainStep:
    """Make a step change nothing but its counts if one of its terms is not finite.

    The terms include the norms of all gradients, so one bad gradient is enough.
    """

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Terms]:
        new, terms = train_step(state, batch)
        finite = jnp.stack([jnp.isfinite(term) for term in terms.values()])
        # The lowest of them, by a sort: XLA:CPU would repeat the reduction of `all` in
        # the selection of each of hundreds of arrays, and compile for 4 s longer.
        finite = jnp.sort(finite)[0]
        return select(finite, new, state).replace(step=new.step), terms

    return step
