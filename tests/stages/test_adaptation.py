"""E_f and E_au on both domains. Expected: the formulas in numpy, and config's weights.

The networks are replaced by functions that carry parts of the images.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from au_jax.stages import (
    adaptation,
    coral,
    dann,
    descent,
    entropy,
    gradient_patches,
    landmarks,
    mmd,
    single_branch,
    supervised,
)
from tests.stages.small import AU_WEIGHT, NUM_STEPS, random_batch, small_config

ZERO, KEY = np.zeros((), np.float32), jax.random.key(0)


def bce(logits, aus):
    """Return the weighted BCE, mean over labels; all of the source's are known."""
    return ((np.logaddexp(0, logits) - aus * logits) * AU_WEIGHT).mean()


@pytest.fixture
def carried(monkeypatch):
    """Return the landmarks that networks see; AUs are numbers of the corner pixel."""
    seen = []

    def carry(module, params, stats, name, x, points=None, kept=None):
        seen.append((name, params, points))
        if name == "landmark_detector":
            return x[:, :49, 0, :2]
        return x[:, 0, 0, :2] if "detector" in name else x + 1

    for stage in (adaptation, single_branch, gradient_patches):
        monkeypatch.setattr(stage, "apply_and_update_stats", carry)
    monkeypatch.setattr(descent, "make_train_step", lambda *args: args[-1])
    return seen


NAMES = ("feature_encoder", "au_detector", "landmark_detector", "patch_detector")
PARAMS: Any = {"task": {name: f"those of {name}" for name in NAMES}}


def test_the_source_has_labels_and_the_method_sees_both_domains(carried):
    config, outputs = small_config(), []

    def terms(params, seen):
        outputs.append(seen)
        own = jnp.asarray(seen.features[1, 0, 0, 0, 0])
        return {"own": own, "other": 2 * seen.progress}

    loss: Any = adaptation.make_train_step(
        config, {}, AU_WEIGHT, NUM_STEPS, terms, {"own": 0.5, "other": 0.25}
    )
    batch = random_batch(config)
    total, (_, found) = loss(PARAMS, {}, batch, jnp.float32(0.5), KEY)
    features = batch["image"] + 1
    np.testing.assert_allclose(outputs[0].features, features, rtol=1e-6)
    logits = features[:, :, 0, 0, :2]
    np.testing.assert_allclose(outputs[0].logits, logits, rtol=1e-6)
    np.testing.assert_allclose(found["au"], bce(logits[0], batch["aus"][0]), rtol=1e-5)
    expected = found["au"] + 0.5 * features[1, 0, 0, 0, 0] + 0.25 * 2 * 0.5
    np.testing.assert_allclose(total, expected, rtol=1e-5)
    assert [call[:2] for call in carried] == [*PARAMS["task"].items()][:2]
    points = np.asarray(batch["landmarks"]).swapaxes(0, 1).reshape(-1, 49, 2)
    np.testing.assert_array_equal(carried[1][2], points)


@pytest.mark.parametrize("stage", [supervised, gradient_patches])
def test_labelled_images_have_the_weights_of_their_aus(stage, carried):
    config = small_config()
    batch = random_batch(config, num_domains=1)
    loss = stage.make_train_step(config, {}, AU_WEIGHT, NUM_STEPS)
    value, (_, found) = loss(PARAMS, {}, batch, ZERO, KEY)
    logits = batch["image"][0, :, 0, 0, :2] + (stage is supervised)
    expected = bce(logits, batch["aus"][0])
    np.testing.assert_allclose([value, found["au"]], expected, rtol=1e-5)
    name, params, points = carried[-1]
    assert params == PARAMS["task"][name]
    np.testing.assert_array_equal(points, batch["landmarks"][0])


def test_stage_1_regresses_the_landmarks_of_the_source(carried):
    config = small_config()
    batch = random_batch(config)
    loss: Any = landmarks.make_train_step(config, {}, AU_WEIGHT, NUM_STEPS)
    value, _ = loss(PARAMS, {}, batch, ZERO, KEY)
    points, true = batch["image"][0, :, :49, 0, :2] + 1, batch["landmarks"][0]
    left, right = true[:, 19:25].mean(axis=1), true[:, 25:31].mean(axis=1)
    squared = ((points - true) ** 2).sum(axis=(1, 2))
    expected = squared / (2 * ((left - right) ** 2).sum(axis=-1))
    np.testing.assert_allclose(value, expected.mean(), rtol=1e-5)


@pytest.mark.parametrize("stage", [coral, mmd, entropy, dann])
def test_methods_have_the_weight_of_their_config(stage, monkeypatch):
    taken: list[Any] = []

    def take(*args):
        taken.extend(args[4:])
        return args[4]

    monkeypatch.setattr(adaptation, "make_train_step", take)
    config, name = small_config(), stage.__name__.rpartition(".")[2]
    config[name].weight = 0.3
    stage.make_train_step(config, {}, AU_WEIGHT, NUM_STEPS)
    terms, weights = taken
    assert set(weights.values()) == {0.3}
    if stage not in (coral, mmd):  # which see the means of E_f's maps
        return
    features = np.random.default_rng(0).normal(size=(2, 3, 4, 4, 5)).astype("f4")
    found = terms({}, adaptation.Outputs(features, np.zeros((2, 3, 1), "f4"), ZERO))
    expected = getattr(stage, name)(*jnp.mean(features, axis=(2, 3)))
    np.testing.assert_allclose(found[name], expected, rtol=1e-4)
