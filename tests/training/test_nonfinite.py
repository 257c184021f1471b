"""Expected: a step whose loss is NaN changes nothing but its counts."""

import contextlib
import logging
import pathlib
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from au_jax.data.split import FaceSplit, Records
from au_jax.errors import UserError
from au_jax.evaluation import inference
from au_jax.stages import state as train_state
from au_jax.training import term_log
from au_jax.training.progress import StageProgress
from au_jax.training.step import skip_if_not_finite
from au_jax.training.term_log import TermLog
from au_jax.types import Prediction, Variables
from au_jax.workdir.metrics_log import MetricsLog, read_metrics
from tests.trees import assert_trees_equal


def toy_step(optimizers):
    """Move p towards batch["image"]; always update the statistics."""

    def step(state, batch):
        def loss(params):
            return jnp.mean((params["task"]["p"] - batch["image"]) ** 2)

        value, gradients = jax.value_and_grad(loss)(state.params)
        state = state.apply_gradients(optimizers, gradients)
        stats = {"task": {"mean": jnp.mean(batch["image"])}}
        state = state.replace(step=state.step + 1, batch_stats=stats)
        return state, {"total": value, **train_state.gradient_norms(gradients)}

    return step


def test_a_bad_step_changes_only_the_step_count():
    optimizers = {"task": optax.adam(0.1)}
    params = {"task": {"p": jnp.zeros(3)}}
    stats = {"task": {"mean": jnp.zeros(())}}
    state = train_state.create(Variables(params, stats), optimizers)
    step = jax.jit(skip_if_not_finite(toy_step(optimizers)))
    good, _ = step(state, {"image": jnp.ones(3)})
    assert not np.array_equal(good.params["task"]["p"], params["task"]["p"])
    after, terms = step(good, {"image": jnp.array([1.0, jnp.nan, 1.0])})
    assert np.isnan(terms["total"])
    assert int(after.step) == 2
    assert_trees_equal(after.replace(step=good.step), good)


def test_a_bad_step_counts_for_the_learning_rates():
    """Expected: the second rate. The gradient is 2 (p - 1), and p is 0."""
    rates = jnp.array([0.5, 0.25])
    optimizers = {"task": optax.sgd(lambda step: rates[step])}
    stats = {"task": {"mean": jnp.zeros(())}}
    params = {"task": {"p": jnp.zeros(1)}}
    state = train_state.create(Variables(params, stats), optimizers)
    step = skip_if_not_finite(toy_step(optimizers))
    for image in (np.nan, 1.0):
        state, _ = step(state, cast(Any, {"image": jnp.array([image])}))
    np.testing.assert_allclose(state.params["task"]["p"], 0.5)


def test_answers_that_are_not_finite_are_not_scored():
    aus: Any = {"direct": jnp.array([[0.5, np.nan]])}
    records = Records(pathlib.Path("bp4d/1.0.0"), "val", (1, 2), 1)
    split = FaceSplit((records,), (1, 2))
    with pytest.raises(UserError, match="direct output is not finite for split 'val'"):
        inference.check_finite(Prediction(aus, None), split)


def log(metrics, on_nonfinite):
    return TermLog(
        metrics,
        StageProgress("joint", 0, 4, images_per_step=1),
        {},
        every=2,
        num_steps=4,
        on_nonfinite=on_nonfinite,
        paths=lambda step: [f"F001/{step}.jpg"],
        notes={},
    )


def add_all(terms):
    for step, value in enumerate((1.0, 2.0, np.inf, 4.0), start=1):
        actual = {"total": np.float32(value), "au": np.float32(1)}
        terms.add(step, jax.tree.map(np.asarray, actual))
    terms.flush()


def test_stopping_names_the_term_the_step_and_the_images(tmp_path):
    with (
        contextlib.closing(MetricsLog(tmp_path, "joint")) as metrics,
        pytest.raises(UserError) as caught,
    ):
        add_all(log(metrics, "stop"))
    message = str(caught.value)
    assert message.startswith("joint: total not finite at step 3; ")
    assert message.endswith("images F001/3.jpg")


def test_the_term_is_named_and_not_what_follows_from_it(tmp_path):
    nan, one = jnp.asarray(np.nan), jnp.asarray(1.0)
    bad: Any = {"total": nan, "au": one, "landmark": nan, "gradient_norm/task/x": nan}
    with contextlib.closing(MetricsLog(tmp_path, "joint")) as metrics:
        terms = log(metrics, "stop")
        terms.add(1, bad)
        with pytest.raises(UserError, match=r"^joint: landmark not finite at step 1; "):
            terms.flush()


def test_skipping_ends_when_no_step_is_finite(tmp_path, monkeypatch):
    monkeypatch.setattr(term_log, "MOST_SKIPPED_IN_A_ROW", 3)
    with contextlib.closing(MetricsLog(tmp_path, "joint")) as metrics:
        terms = log(metrics, "skip")
        for step, value in enumerate((np.nan, np.nan, 1, np.nan, np.nan), start=1):
            terms.add(step, {"total": np.asarray(value)})
        terms.flush()
        terms.add(6, {"total": np.asarray(np.nan)})
        with pytest.raises(UserError, match="step 6, as in the 2 steps before"):
            terms.flush()


def test_skipping_counts_the_step_and_leaves_it_out_of_the_means(tmp_path, caplog):
    with (
        contextlib.closing(MetricsLog(tmp_path, "joint")) as metrics,
        caplog.at_level(logging.WARNING, "au_jax"),
    ):
        terms = log(metrics, "skip")
        add_all(terms)
    lines = read_metrics(tmp_path)
    actual = [(line["step"], line["total"], line["skipped_steps"]) for line in lines]
    assert actual == [(2, 1.5, 0.0), (4, 4.0, 1.0)]
    assert terms.notes() == {"window": [], "skipped": 1}
    assert "F001/3.jpg" in caplog.text
