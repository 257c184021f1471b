"""Images as they travel, and as networks see them.

Data sets, loaders and the way to the device have whole numbers, a byte each; the
compiled programs begin with what makes -1..1 of them: a quarter of the bytes to move,
and nothing for the host to compute.
"""

import numpy as np
from jaxtyping import Float, UInt8

from au_jax.stages.state import TrainState, TrainStep
from au_jax.types import Array, Batch, PredictFn, Prediction, Terms, Variables


def normalise(image: UInt8[Array, "*b h w 3"]) -> Float[Array, "*b h w 3"]:
    """(x / 255 - .5) / .5: 0..255 to -1..1 (method.md section 6)."""
    return image.astype(np.float32) / np.float32(127.5) - np.float32(1)


def step_on_pixels(train_step: TrainStep) -> TrainStep:
    """A stage's step, for batches whose images are bytes."""

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Terms]:
        return train_step(state, Batch({**batch, "image": normalise(batch["image"])}))

    return step


def predict_on_pixels(predict: PredictFn) -> PredictFn:
    """A stage's prediction, for images that are bytes."""

    def on_pixels(variables: Variables, image: UInt8[Array, "b h w 3"]) -> Prediction:
        return predict(variables, normalise(image))

    return on_pixels
