"""Self-training with a mean teacher. Expected: its definition, written out."""

import jax
import numpy as np
import pytest

from au_jax.stages import mean_teacher, own_labels
from au_jax.stages.folding import unfold
from au_jax.stages.mean_teacher import STUDENT, TEACHER
from tests.stages.small import (
    AU_WEIGHT,
    NUM_STEPS,
    build,
    make_step,
    random_batch,
    small_config,
)
from tests.trees import assert_trees_close, assert_trees_equal

RANDOM = np.random.default_rng(0)


@pytest.fixture(scope="module")
def stepped():
    config = small_config()
    before, optimizers = build("mean_teacher", config)
    step = jax.jit(make_step("mean_teacher", config, optimizers))
    after, terms = step(before, random_batch(config))
    return config, before, after, terms


def test_the_teacher_follows_the_student(stepped):
    config, before, after, _ = stepped
    momentum = config.mean_teacher.momentum
    for teacher, student in zip(TEACHER, STUDENT, strict=True):
        for old, new in (
            (before.params, after.params),
            (before.batch_stats, after.batch_stats),
        ):
            expected = jax.tree.map(
                lambda was, now: momentum * was + (1 - momentum) * now,
                old["task"][teacher],
                new["task"][student],
            )
            assert_trees_close(new["task"][teacher], expected, rtol=1e-5, atol=1e-7)


def test_the_student_learns_from_both_domains(stepped):
    config, before, after, terms = stepped
    assert 0 < float(terms["labelled"]) <= 1
    assert float(terms["self_training"]) > 0
    total = terms["au"] + config.mean_teacher.weight * terms["self_training"]
    np.testing.assert_allclose(terms["total"], total, rtol=1e-6)
    for name in STUDENT:
        pair = (state.params["task"][name] for state in (before, after))
        leaves = zip(*map(jax.tree.leaves, pair), strict=True)
        assert any(np.any(old != new) for old, new in leaves)


def test_images_vary_in_contrast_and_brightness_alone():
    image = RANDOM.uniform(-0.4, 0.4, (300, 4, 4, 3)).astype(np.float32)
    varied = np.asarray(mean_teacher.vary(jax.random.key(0), image))
    lines = []
    for before, after in zip(image, varied, strict=True):
        slope, offset = np.polyfit(before.ravel(), after.ravel(), 1)
        np.testing.assert_allclose(after, slope * before + offset, atol=1e-5)
        lines.append((slope, offset))
    np.testing.assert_allclose(np.min(lines, axis=0), [0.6, -0.3], atol=0.02)
    np.testing.assert_allclose(np.max(lines, axis=0), [1.4, 0.3], atol=0.02)
    bright = mean_teacher.vary(jax.random.key(0), np.ones_like(image))
    assert np.max(bright) == 1  # white stays white, and -1..1 the range
    assert np.min(mean_teacher.vary(jax.random.key(0), -np.ones_like(image))) == -1


def take_both_sides(config, monkeypatch):
    """Return the functions by which the teacher labels and the student answers."""
    taken = []

    def take(*args):
        taken.extend(args[4:6])

    monkeypatch.setattr(own_labels, "make_train_step", take)
    mean_teacher.make_train_step(config, {}, AU_WEIGHT, NUM_STEPS)
    return taken


def test_the_teacher_labels_the_target(monkeypatch):
    """Networks that add their number; those of the teacher have 1 and 2."""
    config, places = small_config(), []

    def add_number(module, params, stats, name, x, landmarks=None):
        places.append(landmarks)
        return x + params[name]

    monkeypatch.setattr(mean_teacher, "infer", add_number)
    teach, _ = take_both_sides(config, monkeypatch)
    batch = random_batch(config)
    params = dict(zip((*TEACHER, *STUDENT), (1, 2, 40, 80), strict=True))
    expected = jax.nn.sigmoid(batch["image"][1] + 3)
    np.testing.assert_allclose(teach(params, {}, batch), expected, rtol=1e-5)
    np.testing.assert_array_equal(places[1], batch["landmarks"][1])


def test_the_student_sees_varied_images_of_the_target_alone(monkeypatch):
    config, seen = small_config(), []

    def carry(module, params, stats, name, x, landmarks=None):
        seen.append(landmarks)
        return x

    monkeypatch.setattr(mean_teacher, "apply_and_update_stats", carry)
    _, study = take_both_sides(config, monkeypatch)
    batch, key = random_batch(config), jax.random.key(7)
    logits, _ = study(dict.fromkeys(STUDENT), {}, batch, key)
    source, target = unfold(logits)
    np.testing.assert_array_equal(source, batch["image"][0])
    varied = mean_teacher.vary(key, batch["image"][1])
    np.testing.assert_allclose(target, varied, atol=1e-6)
    np.testing.assert_array_equal(unfold(seen[1]), batch["landmarks"])


def test_teacher_and_student_are_equal_at_first():
    config = small_config()
    init = jax.jit(lambda key: mean_teacher.init(config, key))
    for groups in init(jax.random.key(0)):
        for teacher, student in zip(TEACHER, STUDENT, strict=True):
            assert_trees_equal(groups["task"][teacher], groups["task"][student])
