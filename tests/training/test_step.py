"""The wrapped step. Expected: the formula of method.md section 6, in float64."""

from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from au_jax.data.transforms import normalise
from au_jax.evaluation.inference import make_predictor, predict_images
from au_jax.runtime import devices
from au_jax.stages import STAGES
from au_jax.stages.state import TrainState
from au_jax.training.step import normalise_images, skip_if_not_finite
from tests.stages.small import small_config

BYTES = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)


def test_bytes_are_normalised_alike_on_host_and_device():
    expected = (BYTES / 255 - 0.5) / 0.5
    for actual in (normalise(BYTES), jax.jit(normalise)(BYTES)):
        assert actual.dtype == np.float32
        np.testing.assert_allclose(actual, expected, atol=1e-6)
        assert (actual[0, 0, 0, 0], round(float(actual.max()), 6)) == (-1, 1)


def test_a_stage_sees_normalised_images_and_the_batch_is_unchanged():
    seen = []

    def step(state, batch):
        seen.append(batch)
        return state, {}

    batch: Any = {"image": BYTES[None], "cells": np.zeros((1, 1, 49), np.int32)}
    state = TrainState(jax.numpy.zeros((), int), {}, {}, {})
    normalise_images(step)(state, batch)
    assert seen[0]["cells"] is batch["cells"]
    np.testing.assert_array_equal(seen[0]["image"], normalise(BYTES)[None])
    assert batch["image"].dtype == np.uint8


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 0])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_term_that_is_not_finite_is_enough_to_skip_a_step(place, bad):
    terms = {name: jnp.float32(n) for n, name in enumerate(("total", "au", "norm"))}
    terms[[*terms][place]] = jnp.float32(bad)

    def step(state, batch):
        params = jax.tree.map(lambda x: x + 1, state.params)
        return state.replace(step=state.step + 1, params=params), terms

    params = {"task": {"network": jnp.zeros(2)}}
    state = TrainState(jnp.int32(5), params, {}, {})
    after, found = skip_if_not_finite(step)(state, cast(Any, {}))
    assert found is terms
    assert after.step == 6
    np.testing.assert_array_equal(after.params["task"]["network"], float(bad == 0))


def test_prediction_takes_bytes():
    """The compiled predictor on bytes equals the stage on normalised images."""
    config = small_config()
    stage = STAGES["supervised"]
    variables = jax.jit(lambda key: stage.init(config, key))(jax.random.key(0))
    crop = config.data.crop
    image = np.random.default_rng(0).integers(0, 256, (2, crop, crop, 3), np.uint8)
    predictor = make_predictor("supervised", config, devices.make_mesh())
    landmarks = np.full((2, 49, 2), 0.5, np.float32)
    actual = predict_images(predictor, variables, image, landmarks).aus["direct"]
    predict = jax.jit(stage.make_predict(config))
    expected = predict(variables, normalise(image), landmarks)
    np.testing.assert_allclose(actual, expected.aus["direct"], atol=1e-6)
