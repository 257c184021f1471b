"""The stages of training (method.md section 5).

Each stage is a module that implements the `Stage` protocol and is listed in `STAGES`.
"""

from typing import Protocol

import jax
from jaxtyping import Float

from au_jax.stages import (
    adabn,
    adda,
    clp,
    coral,
    dann,
    drit,
    drit_detector,
    entropy,
    fab_net,
    gradient_patches,
    joint,
    landmarks,
    linear_probe,
    mean_teacher,
    mmd,
    self_training,
    supervised,
    t2net,
    tae,
)
from au_jax.stages.state import Optimizers, TrainStep
from au_jax.types import Array, Config, PredictFn, Variables


class Stage(Protocol):
    """The functions that a stage's module provides.

    To add a stage, write a module with these functions and list it in `STAGES`.
    """

    def domains(self, config: Config) -> tuple[str, ...]:
        """Return the domains of a training batch, in the order of its leading axis.

        A stage of `CLIPS` returns the domain of each frame.
        """
        ...

    def init(self, config: Config, key: jax.Array) -> Variables:
        """Return freshly initialised networks."""
        ...

    def make_train_step(
        self,
        config: Config,
        optimizers: Optimizers,
        au_weight: Float[Array, "a"],
        num_steps: int,
    ) -> TrainStep:
        """Return the training step, which is pure and not compiled yet.

        `au_weight` balances the AUs; `losses.au_weights` computes it. `num_steps` is
        the length of the stage, for terms whose weight changes with progress.
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
    # Source labels alone, on histograms of gradients instead of learned features.
    "gradient_patches": gradient_patches,
    # Other methods of domain adaptation, on the same networks and data.
    "dann": dann,
    "adda": adda,
    "coral": coral,
    "mmd": mmd,
    "entropy": entropy,
    "adabn": adabn,
    "mean_teacher": mean_teacher,
    # Embeddings from clips without labels, and what measures them.
    "fab_net": fab_net,
    "tae": tae,
    "clp": clp,
    "linear_probe": linear_probe,
    # Images of the source that are translated to the target.
    "t2net": t2net,
    "drit": drit,
    "drit_detector": drit_detector,
    # Gradient patches again, with their own labels of the target's images.
    "self_training": self_training,
}

CLIPS = ("fab_net", "tae", "clp")
"""The stages whose batches are clips: the leading axis is the frame."""

WITHOUT_AUS = ("landmarks", *CLIPS, "drit")
"""The stages that train no AU detector."""

ALWAYS_RANDOM = ("drit", "gradient_patches")
"""The stages that share no network with another, and so start from none."""

PACED = ("dann", "fab_net", "tae")
"""The stages whose terms depend on the share of the steps that are done."""

SEEING_LANDMARKS = ("gradient_patches", "self_training")
"""The stages whose detector takes landmarks, whatever `model.au_pooling` is."""

SEPARATING = ("joint", "finetune")
"""The stages that separate features, and so have two paths to the AUs."""

_PREDECESSORS = {
    "finetune": "joint",
    "adda": "supervised",
    "adabn": "supervised",
    "mean_teacher": "supervised",
    "drit_detector": "drit",
    "self_training": "gradient_patches",
}


def predecessor(stage: str, config: Config) -> str:
    """Return the stage of the same run whose networks a stage starts from, or ""."""
    if stage in (*WITHOUT_AUS, *ALWAYS_RANDOM):
        return ""
    if stage == "supervised" and config.supervised.from_landmarks:
        return "landmarks"
    if stage in ("supervised", "linear_probe"):
        default = "" if stage == "supervised" else CLIPS[0]
        return next((name for name in CLIPS if name in config.stages), default)
    if stage == "mean_teacher" and "joint" in config.stages:
        return "joint"
    return _PREDECESSORS.get(stage, "landmarks")
