"""Values of a config. Expected: what the networks and the loop accept, or one line."""

import pathlib
from typing import Any

import jax
import pytest

from au_jax.errors import UserError
from au_jax.models.layers import scaled
from au_jax.runtime.command_line import load_config
from au_jax.stages import joint
from au_jax.training.config_checks import check_values

ROOT = pathlib.Path(__file__).parents[2]


def tiny() -> Any:  # a ConfigDict, typed for one level only
    config = load_config(["main", f"--config={ROOT / 'configs' / 'joint.py'}:tiny"])
    assert config is not None
    return config


CONFIGS = sorted((ROOT / "configs").glob("*.py"))


def test_a_config_that_trains_nothing_is_one_line():
    config = load_config(["main", "--config=compare:tiny"])
    assert config is not None
    with pytest.raises(UserError, match="is it for au-jax compare"):
        check_values(config)


@pytest.mark.parametrize(
    "path",
    [path for path in CONFIGS if path.stem not in ("compare", "variants")],
    ids=str,
)
def test_configs_of_the_project_are_valid(path: pathlib.Path):
    config = load_config(["main", f"--config={path}"])
    assert config is not None
    check_values(config)


@pytest.mark.parametrize("crop", [128, 144, 176, 224])
def test_crops_that_the_networks_take(crop: int):
    """The check allows what all networks accept, and refuses one pixel less."""
    config = tiny()
    config.data.crop = crop
    check_values(config)
    params, _ = jax.eval_shape(lambda key: joint.init(config, key), jax.random.key(0))
    # Five halvings, the last three rounding down (method.md section 2), 160 channels.
    flat = (crop // 32) ** 2 * scaled(160, config.model.width)
    leaves = jax.tree.leaves(params["task"]["landmark_detector"])
    assert flat in {leaf.shape[0] for leaf in leaves if leaf.ndim == 2}  # dense kernels
    config.data.crop = crop - 1
    with pytest.raises(UserError, match="multiple of 16"):
        check_values(config)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("data.crop", 112, "config.data.crop=112 must be a multiple of 16, at least"),
        ("data.crop", 100_000, "at most 1024"),
        ("model.width", 1e9, "at most 8"),
        ("eval.batch_size", 10**7, "at most 8192"),
        ("joint.batch_size", 10**7, "at most 8192"),
        ("seed", -1, "config.seed=-1 must be at least 0 and below 2^32"),
        ("seed", 10**20, "below 2^32"),
        ("stages", ("joint", "landmarks"), "in the order landmarks,joint, because"),
        ("stages", ("joint", "joint"), "each stage once"),
        ("stages", ("finetune",), "finetune has no networks to start from"),
        ("stages", ("landmarks", "adabn"), "put supervised before it, or give"),
        ("stages", ("adda", "supervised"), "in the order supervised,adda, because"),
        ("mean_teacher.share", 2.0, "must be above 0 and at most 1"),
        ("dann.weight", -1.0, "config.dann.weight=-1.0 must be at least 0"),
        (
            "dann.weight",
            float("inf"),
            "config.dann.weight=inf must be at least 0 and",
        ),
        ("coral.weight", float("nan"), "config.coral.weight=nan must be at least 0"),
        ("data.crop", 150, "config.data.crop=150 must be a multiple of 16, at least"),
        ("data.aus", (), "config.data.aus=() must be one or more different AUs"),
        ("data.aus", (1, 61), "each from 1 to 60"),
        ("data.aus", (0, 1), "each from 1 to 60"),
        ("data.aus", (1, 1), "different AUs"),
        ("data.aus", ("1,2",), "each from 1 to 60"),
        ("data.source_splits", ("train",), "two splits"),
        ("data.num_workers", -1, "at least 0"),
        ("joint.batch_size", 0, "config.joint.batch_size=0 must be at least 1"),
        ("eval.batch_size", -4, "config.eval.batch_size=-4 must be at least 1"),
        ("landmarks.epochs", 0, "config.landmarks.epochs=0 must be at least 1"),
        ("joint.decay", (), "one or more factors above 0"),
        ("model.width", 0.0, "config.model.width=0.0 must be above 0"),
        ("model.width", float("nan"), "must be above 0"),
        ("model.reduction", 0, "at least 1"),
        ("optim.task.learning_rate", -1e-4, "must be above 0"),
        ("finetune.learning_rate", 0.0, "must be above 0"),
        ("optim.generator.b1", 1.0, "at least 0 and below 1"),
        ("loss.landmark", -0.6, "config.loss.landmark=-0.6 must be at least 0"),
        ("loss.au", float("inf"), "must be at least 0"),
        ("model.dtype", "float16", "'float16' is not known; did you mean 'bfloat16'?"),
        ("stages", ("landmark",), "'landmark' is not known; did you mean 'landmarks'?"),
        ("stages", ("landmarks,joint",), "write --config.stages=A --config.stages=B"),
        ("stages", (), "config.stages is empty; it takes: landmarks, joint"),
        ("supervised.domain", "both", "it takes: source, target"),
        ("checkpoint_every", 0, "config.checkpoint_every=0 must be at least 1"),
        ("on_nonfinite", "skipp", "'skipp' is not known; did you mean 'skip'?"),
    ],
)
def test_wrong_value_is_one_line(key: str, value: object, message: str):
    config = tiny()
    check_values(config)
    config.update_from_flattened_dict({key: value})
    with pytest.raises(UserError) as caught:
        check_values(config)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_floor_that_starts_from_stage_1_needs_it():
    config = tiny()
    config.supervised.from_landmarks = True
    config.stages = ("supervised",)
    with pytest.raises(UserError, match="put landmarks before it, or give"):
        check_values(config)
    config.init_from = "runs/landmarks"
    check_values(config)
