"""Purely supervised training of E_f and E_au, as a baseline.

`config.supervised.domain` chooses the labels. Source labels give the floor that domain
adaptation must beat; target labels give the ceiling that it might reach.
"""

import flax.linen as nn
import jax
from jaxtyping import Float

from au_jax.stages import losses, single_branch
from au_jax.stages.state import Optimizers, TrainStep
from au_jax.types import Array, Config, PredictFn, Prediction, Variables


def domains(config: Config) -> tuple[str, ...]:
    """Return the one domain whose labels are used."""
    return (config.supervised.domain,)


def init(config: Config, key: jax.Array) -> Variables:
    """Return freshly initialised networks: E_f and E_au."""
    return single_branch.init(config, key, "au_detector")


def make_train_step(
    config: Config,
    optimizers: Optimizers,
    au_weight: Float[Array, "a"],
    num_steps: int,
) -> TrainStep:
    """Return a training step on BCE_w of the labelled images (method.md section 4)."""
    return single_branch.make_train_step(
        config,
        optimizers,
        num_steps,
        "au_detector",
        "au",
        lambda logits, batch: losses.labelled_au(logits, batch, au_weight),
    )


def make_predict(config: Config) -> PredictFn:
    """Return the inference function; its only AU path is "direct"."""
    infer = single_branch.make_infer(config, "au_detector")
    return lambda *inputs: Prediction({"direct": nn.sigmoid(infer(*inputs))}, None)
