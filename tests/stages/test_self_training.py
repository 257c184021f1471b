"""Self-training of gradient patches. Expected: quantiles of NumPy, a fixed teacher."""

import jax
import numpy as np
import pytest

from au_jax.models.patch_detector import drop_patches
from au_jax.stages import own_labels, self_training
from au_jax.stages.folding import unfold
from au_jax.stages.gradient_patches import DETECTOR
from au_jax.stages.self_training import TEACHER
from au_jax.types import Variables
from tests.stages.small import (
    AU_WEIGHT,
    NUM_STEPS,
    build,
    make_step,
    random_batch,
    small_config,
)
from tests.trees import assert_trees_equal


@pytest.fixture(scope="module")
def config():
    config = small_config()
    config.self_training.learning_rate = 3e-3  # few steps are to teach all
    return config


@pytest.fixture(scope="module")
def start(config):
    """Return a fresh state and the compiled step."""
    state, optimizers = build("self_training", config)
    return state, jax.jit(make_step("self_training", config, optimizers))


def answers(config, network, state, batch):
    """Return what the student or the teacher answers for the target."""
    params, batch_stats = (
        {"task": {DETECTOR: groups["task"][network]}} for groups in state.variables
    )
    variables = Variables(params, batch_stats)
    predict = jax.jit(self_training.make_predict(config))
    inputs = batch["image"][1], batch["landmarks"][1]
    return np.asarray(predict(variables, *inputs).aus["direct"])


def test_student_and_teacher_start_as_equals(config):
    params, batch_stats = self_training.init(config, jax.random.key(0))
    assert list(params) == ["task"]
    assert set(params["task"]) == {DETECTOR, TEACHER}
    for group in (params["task"], batch_stats["task"]):
        assert_trees_equal(group[DETECTOR], group[TEACHER])


@pytest.mark.slow
def test_the_student_learns_what_the_teacher_is_sure_of(config, start):
    state, step = start
    batch = random_batch(config, batch_size=16)
    p = answers(config, TEACHER, state, batch)
    rate = batch["aus"][0].mean(axis=0)  # every label of the source is known
    for _ in range(20):
        state, terms = step(state, batch)
    learned = answers(config, DETECTOR, state, batch)
    for au in range(len(config.data.aus)):
        share = config.self_training.share
        sure = p[:, au] >= np.quantile(p[:, au], 1 - share * rate[au])
        sure_not = p[:, au] <= np.quantile(p[:, au], share * (1 - rate[au]))
        assert sure.any()
        assert learned[sure, au].min() > 0.5 > learned[sure_not, au].max()
    assert 0.4 < terms["labelled"] < 0.6
    np.testing.assert_allclose(
        terms["total"],
        terms["au"] + config.self_training.weight * terms["self_training"],
        rtol=1e-5,
    )


def test_the_teacher_stays(config, start):
    before, step = start
    after, terms = step(before, random_batch(config, batch_size=4))
    for old, new in (
        (before.params, after.params),
        (before.batch_stats, after.batch_stats),
    ):
        assert_trees_equal(old["task"][TEACHER], new["task"][TEACHER])
    for old, new in zip(
        jax.tree.leaves(before.params["task"][DETECTOR]),
        jax.tree.leaves(after.params["task"][DETECTOR]),
        strict=True,
    ):
        assert np.abs(np.asarray(new) - np.asarray(old)).max() > 0
    assert not [name for name in terms if TEACHER in name]


def test_the_source_learns_alone_where_the_weight_is_0(config):
    config = config.copy_and_resolve_references()
    config.self_training.weight = 0.0
    state, optimizers = build("self_training", config)
    step = jax.jit(make_step("self_training", config, optimizers))
    _, terms = step(state, random_batch(config, batch_size=4))
    np.testing.assert_allclose(terms["total"], terms["au"], rtol=1e-6)


def test_the_teacher_sees_the_target_and_the_student_parts_of_both(config, monkeypatch):
    """Detectors that add their number to a pixel."""
    seen, taken = [], []

    def detect(module, params, stats, name, image, *others):
        seen.append(others)
        own = params[name] if name == TEACHER else params  # `infer` looks it up
        return image[:, 0, 0, :2] + own

    def take(*args):
        taken.extend(args[4:6])
        return args[4]

    monkeypatch.setattr(self_training, "infer", detect)
    monkeypatch.setattr(self_training, "apply_and_update_stats", detect)
    monkeypatch.setattr(own_labels, "make_train_step", take)
    config = config.copy_and_resolve_references()
    config.self_training.dropout = 0.5
    self_training.make_train_step(config, {}, AU_WEIGHT, NUM_STEPS)
    teach, study = taken
    batch, key = random_batch(config, batch_size=4), jax.random.key(7)
    pixels, params = batch["image"][:, :, 0, 0, :2], {TEACHER: 1, DETECTOR: 20}
    p = 1 / (1 + np.exp(-pixels[1] - 1))
    np.testing.assert_allclose(teach(params, {}, batch), p, rtol=1e-5)
    np.testing.assert_array_equal(seen[0][0], batch["landmarks"][1])
    logits, _ = study(params, {}, batch, key)
    np.testing.assert_allclose(unfold(logits), pixels + 20, rtol=1e-6)
    landmarks, kept = seen[1]
    np.testing.assert_array_equal(unfold(landmarks), batch["landmarks"])
    np.testing.assert_array_equal(kept, drop_patches(key, 8, 0.5))
