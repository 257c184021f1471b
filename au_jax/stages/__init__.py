"""The stages of training (method.md section 5).

Each stage is a module that implements the `Stage` protocol and is listed in `STAGES`.
"""

from typing import Protocol

import jax
from jaxtyping import Float

from au_jax.stages import joint, landmarks, supervised
from au_jax.stages.state import Optimizers, TrainStep
from au_jax.types import Array, Config, PredictFn, Variables


class Stage(Protocol):
    """The functions that a stage's module provides.

    To add a stage, write a module with these functions and list it in `STAGES`.
    """

    def domains(self, config: Config) -> tuple[str, ...]:
        """Return the domains of a training batch, in the order of its leading axis."""
        ...

    def init(self, config: Config, key: jax.Array) -> Variables:
        """Return freshly initialised networks."""
        ...

    def make_train_step(
        self,
        config: Config,
        optimizers: Optimizers,
        au_weight: Float[Array, "a"],
    ) -> TrainStep:
        """Return the training step, which is pure and not compiled yet.

        `au_weight` balances the AUs; `losses.au_weights` computes it.
        """
        ...

    def make_predict(self, config: Config) -> PredictFn:
        """Return the inference function of the stage's networks."""
        ...


# `finetune` (stage 3) is stage 2 again, from its best checkpoint and at a lower rate.
STAGES: dict[str, Stage] = {
    "landmarks": landmarks,
    "joint": joint,
    "finetune": joint,
    "supervised": supervised,
}
