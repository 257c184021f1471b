"""Expected: the formula of method.md section 6, in float64 by numpy."""

import jax
import numpy as np

from au_jax.stages import pixels
from au_jax.stages.state import TrainState
from au_jax.types import Prediction, Variables

BYTES = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)


def test_bytes_are_normalised_on_both_sides_alike():
    wanted = (BYTES / 255 - 0.5) / 0.5
    for found in (pixels.normalise(BYTES), jax.jit(pixels.normalise)(BYTES)):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, wanted, atol=1e-6)
        assert (found[0, 0, 0, 0], round(float(found.max()), 6)) == (-1, 1)


def test_steps_and_predictions_see_normalised_images():
    seen = []

    def step(state, batch):
        seen.append(batch)
        return state, {}

    batch = {"image": BYTES[None], "cells": np.zeros((1, 1, 49), np.int32)}
    state = TrainState(jax.numpy.zeros((), int), {}, {}, {})
    pixels.step_on_pixels(step)(state, batch)
    assert seen[0]["cells"] is batch["cells"]
    np.testing.assert_array_equal(seen[0]["image"], pixels.normalise(BYTES)[None])
    assert batch["image"].dtype == np.uint8  # what was given stays as it was

    predict = pixels.predict_on_pixels(lambda _, x: Prediction({"direct": x}, None))
    found = predict(Variables({}, {}), BYTES).aus["direct"]
    np.testing.assert_array_equal(found, pixels.normalise(BYTES))
