"""Labels of a teacher. Expected: quantiles and means of numpy."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from au_jax.stages import own_labels
from au_jax.stages.folding import fold
from au_jax.stages.state import create
from au_jax.types import Variables
from tests.stages.small import AU_WEIGHT, random_batch, small_config

RANDOM = np.random.default_rng(0)
P = RANDOM.random((40, 3)).astype(np.float32)
AUS = (RANDOM.random((40, 3)) < [0.1, 0.5, 0.8]).astype(np.float32)
KNOWN = RANDOM.random((40, 3)) < 0.7
NONE = own_labels.no_labels(3)
UNKNOWN = np.zeros_like(KNOWN)


def updated(labelling, p, step, share=0.5):
    return own_labels.update_labelling(labelling, p, AUS, KNOWN, share, jnp.array(step))


def test_labels_are_the_surest_answers_in_the_proportion_of_the_source():
    labelling = updated(NONE, P, 0)
    rate = np.array([AUS[KNOWN[:, a], a].mean() for a in range(3)])
    np.testing.assert_allclose(labelling["active"], rate, rtol=1e-5)
    for a in range(3):
        upper = np.quantile(P[:, a], 1 - rate[a] / 2)
        lower = np.quantile(P[:, a], (1 - rate[a]) / 2)
        np.testing.assert_allclose(labelling["upper"][a], upper, rtol=1e-4)
        np.testing.assert_allclose(labelling["lower"][a], lower, rtol=1e-4)
    labels, counts = own_labels.choose_labels(P, labelling)
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


def test_a_batch_without_a_known_label_leaves_the_rate():
    """As where one of several sets of the source codes an AU, and is seldom drawn."""
    labelling = updated(NONE, P, 0)
    unknown = own_labels.update_labelling(labelling, P, AUS, UNKNOWN, 0.5, jnp.array(1))
    np.testing.assert_allclose(unknown["active"], labelling["active"], rtol=1e-6)


def test_before_the_first_known_label_no_answer_counts():
    labelling = NONE
    for step in range(3):
        labelling = own_labels.update_labelling(
            labelling, P, AUS, UNKNOWN, 0.5, jnp.array(step)
        )
        _, counts = own_labels.choose_labels(P.round(), labelling)
        assert not counts.any()


def test_means_begin_with_the_first_batch_that_has_a_known_label():
    """The second AU is unknown at first, then always active."""
    known = np.ones_like(KNOWN)
    known[:, 1] = False
    labelling = own_labels.update_labelling(NONE, P, AUS, known, 0.5, jnp.array(0))
    first = labelling["active"]
    aus = np.where([False, True, False], 1, AUS).astype(np.float32)
    labelling = own_labels.update_labelling(
        labelling, 1 - P, aus, np.ones_like(KNOWN), 0.5, jnp.array(1)
    )
    np.testing.assert_allclose(labelling["active"][1], 1)
    np.testing.assert_allclose(labelling["upper"][1], np.quantile(1 - P[:, 1], 0.5))
    np.testing.assert_allclose(labelling["active"][::2], first[::2], rtol=1e-6)


def test_the_thresholds_themselves_count():
    labelling = {"upper": jnp.array([0.75]), "lower": jnp.array([0.25])}
    p = jnp.array([[0.25], [0.5], [0.75]])
    labels, counts = own_labels.choose_labels(p, labelling)
    np.testing.assert_array_equal(labels[:, 0], [0, 0, 1])
    np.testing.assert_array_equal(counts[:, 0], [True, False, True])


def test_an_answer_that_would_be_both_does_not_count():
    """As where the teacher answers alike for all images: both quantiles are equal."""
    labelling = {"upper": jnp.array([0.5]), "lower": jnp.array([0.5])}
    _, counts = own_labels.choose_labels(jnp.full((4, 1), 0.5), labelling)
    assert not counts.any()


def test_later_means_are_over_about_a_hundred_batches():
    old = {name: jnp.full(3, 0.5) for name in ("active", "upper", "lower")}
    new = updated(old, P, 10_000)
    rate = np.array([AUS[KNOWN[:, a], a].mean() for a in range(3)])
    np.testing.assert_allclose(new["active"], 0.99 * 0.5 + 0.01 * rate, rtol=1e-5)


@pytest.mark.parametrize("count", [1, 2])
def test_the_student_learns_known_labels_and_those_that_count(count, monkeypatch):
    """The teacher answers with a pixel of the target, the student with x + another."""
    config: Any = small_config()
    config.accumulation, config.mean_teacher.weight = count, 0.3
    batch = random_batch(config, batch_size=4)
    batch["aus_known"][0, 1:3, 0] = False
    batch["aus"] *= batch["aus_known"]

    def update(labelling, p, aus, known, share, before):
        active = labelling["active"] + before
        return {"active": active, "upper": jnp.full(2, 0.6), "lower": jnp.full(2, 0.4)}

    def study(params, stats, batch, key):
        return fold(batch["image"])[:, 1, 1, :2] + params["student"]["x"][None], stats

    monkeypatch.setattr(own_labels, "update_labelling", update)
    params = {"task": {name: {"x": jnp.zeros(2)} for name in ("student", "teacher")}}
    optimizers = {"task": optax.sgd(1.0)}
    stats = {"task": {"labelling": own_labels.no_labels(2)}}
    state = create(Variables(params, stats), optimizers).replace(step=jnp.int32(3))
    teach = lambda params, stats, batch: jax.nn.sigmoid(batch["image"][1, :, 0, 0, :2])
    step = own_labels.make_train_step(
        config, "mean_teacher", optimizers, AU_WEIGHT, teach, study, ("student",)
    )
    after, terms = jax.jit(step)(state, batch)

    p = 1 / (1 + np.exp(-batch["image"][1, :, 0, 0, :2]))
    counts = (p >= 0.6) | (p <= 0.4)
    x, aus = batch["image"][:, :, 1, 1, :2], np.stack([batch["aus"][0], p >= 0.6])
    bce, slope = np.logaddexp(0, x) - aus * x, 1 / (1 + np.exp(-x)) - aus
    known = batch["aus_known"][0]
    share = np.zeros_like(p)  # of each of the target's labels in its mean
    for part in (slice(m, None, count) for m in range(count)):
        share[part] = counts[part] / counts[part].sum() / count
    shares = AU_WEIGHT * np.stack([known / known.sum(), share])
    of_aus, of_labels = (shares * bce).sum(axis=(1, 2))
    expected = {
        "au": of_aus,
        "self_training": of_labels,
        "total": of_aus + 0.3 * of_labels,
        "labelled": counts.mean(),
    }
    for name, value in expected.items():
        np.testing.assert_allclose(terms[name], value, rtol=1e-5, err_msg=name)
    gradient = (shares * slope * [[[1]], [[0.3]]]).sum(axis=(0, 1))
    moved = after.params["task"]
    np.testing.assert_allclose(moved["student"]["x"], -gradient, rtol=1e-4)
    assert not np.any(moved["teacher"]["x"])
    before = {1: 3, 2: 6 + 7}[count]  # batches so far, in every microbatch
    active = after.batch_stats["task"]["labelling"]["active"]
    np.testing.assert_allclose(active, own_labels.NONE_YET + before)
    assert after.step == 4
