"""Self-training. Expected: quantiles and means of numpy, and a teacher that follows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from au_jax.stages import mean_teacher
from au_jax.stages.mean_teacher import STUDENT, TEACHER
from tests.stages.small import build, make_step, random_batch, small_config
from tests.trees import assert_trees_close, assert_trees_equal

RANDOM = np.random.default_rng(0)
P = RANDOM.random((40, 3)).astype(np.float32)
AUS = (RANDOM.random((40, 3)) < [0.1, 0.5, 0.8]).astype(np.float32)
KNOWN = RANDOM.random((40, 3)) < 0.7
NONE = {name: jnp.zeros(3) for name in ("active", "upper", "lower")}


def updated(labelling, p, step, share=0.5):
    return mean_teacher.update_labelling(
        labelling, p, AUS, KNOWN, share, jnp.array(step)
    )


def test_labels_are_the_surest_answers_in_the_proportion_of_the_source():
    labelling = updated(NONE, P, 0)
    rate = np.array([AUS[KNOWN[:, a], a].mean() for a in range(3)])
    np.testing.assert_allclose(labelling["active"], rate, rtol=1e-5)
    for a in range(3):
        upper = np.quantile(P[:, a], 1 - rate[a] / 2)
        lower = np.quantile(P[:, a], (1 - rate[a]) / 2)
        np.testing.assert_allclose(labelling["upper"][a], upper, rtol=1e-4)
        np.testing.assert_allclose(labelling["lower"][a], lower, rtol=1e-4)
    labels, counts = mean_teacher.choose_labels(P, labelling)
    np.testing.assert_allclose(counts.mean(axis=0), 0.5, atol=0.06)
    active = (labels * counts).sum(axis=0) / counts.sum(axis=0)
    np.testing.assert_allclose(active, rate, atol=0.06)


def test_thresholds_are_means_over_the_steps():
    labelling, upper = NONE, []
    for step in range(5):
        p = RANDOM.random((40, 3)).astype(np.float32)
        labelling = updated(labelling, p, step)
        active = np.asarray(labelling["active"])
        upper.append([np.quantile(p[:, a], 1 - active[a] / 2) for a in range(3)])
    np.testing.assert_allclose(labelling["upper"], np.mean(upper, axis=0), rtol=1e-4)


def test_an_au_without_known_labels_has_a_rate_of_0():
    labelling = mean_teacher.update_labelling(
        NONE, P, AUS, np.zeros_like(KNOWN), 0.5, jnp.array(0)
    )
    np.testing.assert_array_equal(labelling["active"], 0)
    labels, counts = mean_teacher.choose_labels(P, labelling)
    assert (labels * counts).mean() < 0.03  # the greatest alone


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
    image = RANDOM.uniform(-0.4, 0.4, (3, 8, 8, 3)).astype(np.float32)
    varied = np.asarray(mean_teacher.vary(jax.random.key(0), image))
    for before, after in zip(image, varied, strict=True):
        slope, offset = np.polyfit(before.ravel(), after.ravel(), 1)
        assert 0.6 <= slope <= 1.4
        assert -0.3 <= offset <= 0.3
        np.testing.assert_allclose(after, slope * before + offset, atol=1e-5)


def test_teacher_and_student_are_equal_at_first():
    config = small_config()
    init = jax.jit(lambda key: mean_teacher.init(config, key))
    for groups in init(jax.random.key(0)):
        for teacher, student in zip(TEACHER, STUDENT, strict=True):
            assert_trees_equal(groups["task"][teacher], groups["task"][student])
