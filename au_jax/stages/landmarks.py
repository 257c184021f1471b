"""Stage 1: trains E_f and the landmark branch on the source (method.md section 5)."""

import jax
from jaxtyping import Float

from au_jax.stages import losses, single_branch
from au_jax.stages.state import Optimizers, TrainStep
from au_jax.types import Array, Config, PredictFn, Prediction, Variables


def domains(config: Config) -> tuple[str, ...]:
    """Return the domains of a training batch: the source alone."""
    return ("source",)


def init(config: Config, key: jax.Array) -> Variables:
    """Return freshly initialised networks: E_f and the landmark branch."""
    return single_branch.init(config, key, "landmark_detector")


def make_train_step(
    config: Config,
    optimizers: Optimizers,
    au_weight: Float[Array, "a"],
    num_steps: int,
) -> TrainStep:
    """Return a training step on L_fl (eq. 1); it does not use `au_weight`."""
    return single_branch.make_train_step(
        config,
        optimizers,
        num_steps,
        "landmark_detector",
        "landmark_regression",
        lambda points, batch: losses.landmark_regression(points, batch["landmarks"][0]),
    )


def make_predict(config: Config) -> PredictFn:
    """Return the inference function, which predicts landmarks but no AUs."""
    infer = single_branch.make_infer(config, "landmark_detector")
    return lambda *inputs: Prediction({}, infer(*inputs))
