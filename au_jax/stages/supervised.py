"""E_f and E_au on labels, nothing else: the floor and the ceiling of every comparison.

On source labels it is what adaptation has to beat; on target labels, what it might
reach (`config.supervised.domain`).
"""

import flax.linen as nn
import jax
from jaxtyping import Float

from au_jax.stages import losses, single_branch
from au_jax.stages.state import Optimizers, TrainStep
from au_jax.types import Array, Config, PredictFn, Prediction, Variables


def domains(config: Config) -> tuple[str, ...]:
    """The one domain whose labels train."""
    return (config.supervised.domain,)


def init(config: Config, key: jax.Array) -> Variables:
    """Fresh parameters and running statistics, by group and network."""
    return single_branch.init(config, key, "au_detector")


def make_train_step(
    config: Config, optimizers: Optimizers, au_weight: Float[Array, "a"]
) -> TrainStep:
    """One step on BCE_w of the labelled images (method.md section 4)."""
    return single_branch.make_train_step(
        config,
        optimizers,
        "au_detector",
        "au",
        lambda logits, batch: losses.au(
            logits, batch["aus"][0], batch["aus_known"][0], au_weight
        ),
    )


def make_predict(config: Config) -> PredictFn:
    """The direct path; there is no other."""
    apply = single_branch.make_apply(config, "au_detector")
    return lambda *inputs: Prediction({"direct": nn.sigmoid(apply(*inputs))}, None)
