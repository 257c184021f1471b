"""Checkpoints: which are kept; expected: the saved values."""

import math

import jax
import jax.numpy as jnp
import optax
import pytest

from au_jax.errors import UserError
from au_jax.stages import state as train_state
from au_jax.types import Variables
from au_jax.workdir import checkpoints
from au_jax.workdir.checkpoint_errors import OtherNetworks
from tests.disk import files_up_to
from tests.trees import assert_trees_equal

DOMAINS = ("source", "target")
DEVICE = jax.sharding.SingleDeviceSharding(jax.devices()[0])


def make_state(value: float, step: int) -> train_state.TrainState:
    params = {"task": {"encoder": {"kernel": jnp.full((2, 3), value)}}}
    stats = {"task": {"encoder": {"mean": jnp.full((3,), value)}}}
    state = train_state.create(Variables(params, stats), {"task": optax.adam(1e-3)})
    return state.replace(step=jnp.int32(step))


def save_all(directory, scores):
    with checkpoints.open_manager(directory, DOMAINS) as manager:
        for step, (source, target) in enumerate(scores, start=1):
            actual = {"source": source, "target": target}
            checkpoints.save(manager, make_state(float(step), step), actual, {})


def test_keeps_the_latest_two_and_the_best_of_each_domain(tmp_path):
    save_all(tmp_path, [(0.1, 0.9), (0.8, 0.2), (0.3, 0.3), (0.2, 0.1), (0.4, 0.2)])
    with checkpoints.open_manager(tmp_path, DOMAINS) as manager:
        assert sorted(manager.all_steps()) == [1, 2, 4, 5]
        assert checkpoints.best_step(manager, "source") == (2, 0.8)
        assert checkpoints.best_step(manager, "target") == (1, 0.9)


def test_a_score_that_does_not_exist_ranks_last(tmp_path):
    save_all(tmp_path, [(0.1, math.nan), (0.1, 0.0), (0.1, math.nan)])
    with checkpoints.open_manager(tmp_path, DOMAINS) as manager:
        assert checkpoints.best_step(manager, "target") == (2, 0.0)


def test_of_equal_scores_the_latest_wins(tmp_path):
    save_all(tmp_path, [(0.5, 0.1), (0.5, 0.5)])
    with checkpoints.open_manager(tmp_path, DOMAINS) as manager:
        assert checkpoints.best_step(manager, "source") == (2, 0.5)


def test_restores_the_saved_state(tmp_path):
    save_all(tmp_path, [(0.0, 0.0), (0.0, 0.0)])
    shapes = train_state.checkpoint_items(make_state(0.0, 0))
    with checkpoints.open_manager(tmp_path, DOMAINS) as manager:
        actual = checkpoints.restore(manager, 2, shapes, DEVICE)
    assert_trees_equal(actual, make_state(2.0, 2))


def test_only_the_networks_can_be_read(tmp_path):
    save_all(tmp_path, [(0.0, 0.0)])
    template = make_state(0.0, 0)
    with checkpoints.open_manager(tmp_path, DOMAINS) as manager:
        restored = checkpoints.restore_networks(manager, 1, template.variables)
    assert_trees_equal(restored, make_state(1.0, 1).variables)


def test_another_shape_is_refused(tmp_path):
    save_all(tmp_path, [(0.0, 0.0)])
    other = {"task": {"encoder": {"kernel": jnp.zeros((5, 3))}}}
    with (
        checkpoints.open_manager(tmp_path, DOMAINS) as manager,
        pytest.raises(OtherNetworks, match="holds other networks: params/task"),
    ):
        checkpoints.restore_networks(
            manager, 1, Variables(other, make_state(0.0, 0).batch_stats)
        )


def test_checkpoints_without_scores_are_kept_only_while_they_are_the_latest(tmp_path):
    with checkpoints.open_manager(tmp_path, DOMAINS) as manager:
        for step, score in enumerate([None, 0.5, None, None, None, None], start=1):
            scores = None if score is None else {domain: score for domain in DOMAINS}
            checkpoints.save(manager, make_state(0.0, step), scores, {"step": step})
    with checkpoints.open_manager(tmp_path, DOMAINS, read_only=True) as manager:
        assert sorted(manager.all_steps()) == [2, 5, 6]
        assert checkpoints.best_step(manager, "source") == (2, 0.5)
    assert checkpoints.position(tmp_path) == checkpoints.Position(6, validated=False)
    assert checkpoints.read_notes(tmp_path, 6) == {"step": 6}


def test_scores_can_be_added_to_a_checkpoint_that_has_none(tmp_path):
    for scores in (None, {domain: 0.5 for domain in DOMAINS}):
        with checkpoints.open_manager(tmp_path, DOMAINS) as manager:
            checkpoints.save(manager, make_state(0.0, 3), scores, {})
        validated = scores is not None
        assert checkpoints.position(tmp_path) == checkpoints.Position(3, validated)


def test_without_a_checkpoint_there_is_no_position(tmp_path):
    assert checkpoints.position(tmp_path / "nowhere") is None
    assert checkpoints.position(tmp_path) is None


def save_and_wait(directory, notes):
    with checkpoints.open_manager(directory, DOMAINS) as manager:
        checkpoints.save(manager, make_state(1.0, 2), None, notes)
        checkpoints.wait(manager)


def test_a_full_disk_is_one_line_and_leaves_the_last_checkpoint(tmp_path):
    save_all(tmp_path, [(0.5, 0.5)])
    with files_up_to(1000), pytest.raises(UserError) as caught:
        save_and_wait(tmp_path, {"window": "x" * 5000})
    message = str(caught.value)
    assert message.startswith(f"cannot write a checkpoint to {tmp_path}: ")
    assert message.endswith("run the same command again to resume from step 1")
    assert "\n" not in message
    assert checkpoints.position(tmp_path) == checkpoints.Position(1, validated=True)
    save_and_wait(tmp_path, {})
    assert checkpoints.position(tmp_path) == checkpoints.Position(2, validated=False)
