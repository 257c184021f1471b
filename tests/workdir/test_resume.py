"""Which changes of a config a run allows. Expected: those that change no number."""

import pytest

from au_jax.errors import UserError
from au_jax.runtime.files import locked
from au_jax.workdir import checkpoints, resume
from au_jax.workdir.config import as_json
from configs import joint as joint_config


def stored():
    return as_json(joint_config.get_config())


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("data.crop", 128, "config.data.crop was 176, now 128"),
        ("data.aus", (1, 2), "config.data.aus was 1,2,4,6,12,17, now 1,2"),
        ("joint.batch_size", 8, "config.joint.batch_size was 16, now 8"),
        ("landmarks.epochs", 3, "config.landmarks.epochs was 20, now 3"),
        # The learning rate falls by shares of the epochs, so the rates change.
        ("joint.epochs", 24, "config.joint.epochs was 12, now 24"),
        ("stages", ("joint",), "config.stages was landmarks,joint, now joint"),
    ],
)
def test_what_changes_results_is_named(key, value, line):
    config = joint_config.get_config()
    with config.ignore_type():
        config.update_from_flattened_dict({key: value})
    assert resume.config_differences(stored(), config, "joint") == [line]


@pytest.mark.parametrize(
    ("key", "value", "stage"),
    [
        ("log_every", 7, "joint"),
        ("data.num_workers", 4, "joint"),
        ("finetune.learning_rate", 2e-5, "joint"),  # of a later stage
        ("stages", ("landmarks", "joint", "finetune"), "joint"),
        ("joint.batch_size", 8, "landmarks"),
        ("landmarks.epochs", 40, "landmarks"),  # at a constant learning rate
    ],
)
def test_what_changes_no_result_is_free(key, value, stage):
    config = joint_config.get_config()
    config.update_from_flattened_dict({key: value})
    assert resume.config_differences(stored(), config, stage) == []


def test_key_that_an_older_run_lacks_had_the_default():
    old, config = stored(), joint_config.get_config()
    del old["model"]["second_round"], old["discriminators"], old["data"]["degraded"]
    assert resume.config_differences(old, config, "joint") == []
    config.model.second_round = "live"
    config.discriminators.every = 2
    config.data.degraded = 0.5
    assert resume.config_differences(old, config, "joint") == [
        "config.data.degraded was 0.0, now 0.5",
        "config.discriminators.every was 1, now 2",
        "config.model.second_round was detached, now live",
    ]


def test_where_the_default_changed_an_older_run_keeps_its_own(monkeypatch):
    default = joint_config.get_config()
    default.supervised.from_landmarks = True
    monkeypatch.setattr(resume.config_files, "load", lambda _: default)
    old, config = stored(), default.copy_and_resolve_references()
    config.stages = old["stages"] = ("supervised",)
    del old["supervised"]["from_landmarks"]
    assert resume.config_differences(old, config, "supervised") == [
        "config.supervised.from_landmarks was False, now True"
    ]


def test_a_stage_whose_terms_follow_its_length_keeps_its_epochs():
    before, after = joint_config.get_config(), joint_config.get_config()
    for config, epochs in ((before, 3), (after, 4)):
        config.stages = ("dann",)
        config.dann.decay, config.dann.epochs = (1.0,), epochs
    differences = resume.config_differences(as_json(before), after, "dann")
    assert differences == ["config.dann.epochs was 3, now 4"]


def test_a_workdir_belongs_to_one_program(tmp_path):
    with (
        locked(tmp_path, "training"),
        pytest.raises(UserError, match="another program is training"),
        locked(tmp_path, "training"),
    ):
        pass
    with locked(tmp_path, "training"):
        assert checkpoints.position(tmp_path / "joint") is None
