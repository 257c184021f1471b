"""The stages of training: modules that all have the functions of `Stage`."""

from typing import Protocol

import jax
from jaxtyping import Float

from au_jax.stages import joint, landmarks, supervised
from au_jax.stages.state import Optimizers, TrainStep
from au_jax.types import Array, Config, PredictFn, Variables


class Stage(Protocol):
    """The functions of a stage. A new stage is such a module, listed in `STAGES`."""

    def domains(self, config: Config) -> tuple[str, ...]:
        """The domains of a training batch, in the order of its leading axis."""
        ...

    def init(self, config: Config, key: jax.Array) -> Variables:
        """Fresh networks."""
        ...

    def make_train_step(
        self,
        config: Config,
        optimizers: Optimizers,
        au_weight: Float[Array, "a"],
    ) -> TrainStep:
        """One training step; `au_weight` balances the AUs (`losses.au_weights`)."""
        ...

    def make_predict(self, config: Config) -> PredictFn:
        """Inference: AU probabilities by path, landmarks where the stage has them."""
        ...


# Stage 3 is stage 2 again, from its best checkpoint and at another learning rate.
STAGES: dict[str, Stage] = {
    "landmarks": landmarks,
    "joint": joint,
    "finetune": joint,
    "supervised": supervised,
}
