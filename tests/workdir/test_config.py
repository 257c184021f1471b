"""Stored configs. Expected: today's keys with the meaning of the older ones."""

import json

import pytest

from au_jax.stages import joint
from au_jax.workdir.config import as_json, read_config, upgraded, write_config
from configs import ablation as ablation_config
from configs import adld as adld_config
from configs import joint as joint_config

OLD_WEIGHTS = {
    "joint": (100.0, 100.0, 100.0),
    "ablation": (100.0, 0.0, 0.0),
    "adld": (0.0, 0.0, 0.0),
}


def older(config, weights):
    """Return a config as the versions before `model.projector` stored it."""
    old = as_json(config)
    model, loss = old["model"], old["loss"]
    model["projectors"] = model.pop("projector") == "identity_init"
    model["upsample"] = 1
    del model["au_pooling"], loss["alignment"], loss["alignment_landmark_on"]
    for kind, weight in zip(
        ("feature", "landmark", "background"), weights, strict=True
    ):
        loss[f"alignment_{kind}"] = weight
    del old["landmarks"]["learning_rate"], old["eval"]["target_path"]
    return old


@pytest.mark.parametrize("name", OLD_WEIGHTS)
def test_older_config_reads_as_the_same_config_of_today(name, tmp_path):
    config = {
        "joint": joint_config.get_config(),
        "ablation": ablation_config.get_config("A"),
        "adld": adld_config.get_config(),
    }[name]
    old = older(config, OLD_WEIGHTS[name])
    (tmp_path / "config.json").write_text(json.dumps(old))
    read = read_config(tmp_path)
    assert joint.active_weights(read) == joint.active_weights(config)
    if name == "adld":  # each term of an alignment that is off
        assert read.loss.alignment == 0
    assert as_json(read) == as_json(config)
    assert old["model"]["upsample"] == 1  # the argument stays as it was


@pytest.mark.parametrize(
    ("group", "key"),
    [
        ("gradient_patches", "dropout"),
        ("data", "degraded"),
        ("model", "resting_patches"),
    ],
)
def test_older_runs_had_no_such_option(group, key):
    old = as_json(joint_config.get_config())
    del old[group][key]
    assert upgraded(old)[group][key] == 0


def test_todays_config_is_read_as_it_was_written(tmp_path):
    config = joint_config.get_config("tiny")
    write_config(tmp_path, config)
    assert as_json(read_config(tmp_path)) == as_json(config)


def test_networks_of_a_model_file_are_upgraded_alone():
    config = joint_config.get_config()
    old = older(config, OLD_WEIGHTS["joint"])
    networks = {key: old[key] for key in ("data", "model", "loss")}
    assert upgraded(networks)["model"]["projector"] == "identity_init"
    with pytest.raises(KeyError):
        upgraded({"model": {}})
