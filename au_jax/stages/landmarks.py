"""Stage 1: E_f and the landmark branch, alone, on the source (method.md section 5)."""

import jax
from jaxtyping import Float

from au_jax.stages import losses, single_branch
from au_jax.stages.state import Optimizers, TrainStep
from au_jax.types import Array, Config, PredictFn, Prediction, Variables


def domains(config: Config) -> tuple[str, ...]:
    """The domains of a training batch: the source alone."""
    return ("source",)


def init(config: Config, key: jax.Array) -> Variables:
    """Fresh parameters and running statistics, by group and network."""
    return single_branch.init(config, key, "landmark_detector")


def make_train_step(
    config: Config, optimizers: Optimizers, au_weight: Float[Array, "a"]
) -> TrainStep:
    """One step on L_fl (eq. 1); AU weights are not needed."""
    return single_branch.make_train_step(
        config,
        optimizers,
        "landmark_detector",
        "landmark_regression",
        lambda found, batch: losses.landmark_regression(found, batch["landmarks"][0]),
    )


def make_predict(config: Config) -> PredictFn:
    """Landmarks only: this stage knows no action units."""
    apply = single_branch.make_apply(config, "landmark_detector")
    return lambda *inputs: Prediction({}, apply(*inputs))
