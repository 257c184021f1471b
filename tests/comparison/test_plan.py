"""The runs of a comparison. Expected: hand-written lists and the recipes' changes."""

from pathlib import Path
from typing import Any

import pytest
from ml_collections import ConfigDict

from au_jax.comparison import classical, plan
from au_jax.errors import UserError
from au_jax.runtime.command_line import flatten
from configs import compare as compare_config
from configs import variants as variants_config

WORKDIR = Path("runs")


def small(**changes: Any) -> Any:
    config = compare_config.get_config("tiny")
    config.seeds = changes.pop("seeds", (0,))
    config.update(changes)
    return config


def names(config: Any) -> list[str]:
    return [str(run.folder.relative_to(WORKDIR)) for run in plan.runs(config, WORKDIR)]


def leaves_of(config: Any) -> dict[str, Any]:
    values = flatten(config).items()
    return {key: v for key, v in values if not isinstance(v, ConfigDict)}


def test_each_run_comes_after_its_start_and_shared_starts_once():
    config = small(methods=("adda,source_only",), heads=("grid", "global"))
    assert names(config) == [
        "stage_1/seed0",
        "source_only-grid/seed0",
        "adda-grid/seed0",
        "source_only-global/seed0",
        "adda-global/seed0",
    ]
    levels = [run.level for run in plan.runs(config, WORKDIR)]
    assert levels == [0, 1, 2, 1, 2]


def test_a_method_with_a_head_of_its_own_has_one_row_for_all_heads():
    config = small(methods=("gradient_patches", "source_only_from_scratch"))
    config.heads = ("grid", "global")
    heads = [(row.method, row.head) for row in plan.rows(config)]
    other = "source_only_from_scratch"
    assert heads == [("gradient_patches", ""), (other, "grid"), (other, "global")]
    assert names(config) == [
        "gradient_patches/seed0",
        f"{other}-grid/seed0",
        f"{other}-global/seed0",
    ]


@pytest.mark.parametrize("seeds", [("a",), (0.5,), (0, 0), (-1,), ()])
def test_seeds_that_cannot_be_are_one_line(seeds):
    with pytest.raises(UserError, match=r"config\.seeds=.* must be different numbers"):
        plan.rows(small(methods=("c",), seeds=seeds))


def test_a_start_that_is_no_recipe_is_one_line():
    config = small(methods=("c",))
    config.recipes.c.start = "stage1"
    with pytest.raises(UserError, match=r"recipes\.c\.start: .*'stage1'; did you mean"):
        plan.rows(config)


def test_self_training_goes_on_from_gradient_patches():
    config = small(methods=("self_training",))
    assert names(config) == ["gradient_patches/seed0", "self_training/seed0"]
    before, run = plan.runs(config, WORKDIR)
    assert run.start == before
    assert run.config.init_from == str(before.folder)


def test_seeds_come_one_after_the_other():
    config = small(methods=("source_only_from_scratch",), seeds=(0, 3))
    assert names(config) == [f"source_only_from_scratch-grid/seed{s}" for s in (0, 3)]


def test_a_run_has_the_recipe_the_head_the_seed_and_its_start():
    config = small(methods=("a", "c", "oracle"), heads=("global",), seeds=(5,))
    runs = {run.row.method: run.config for run in plan.runs(config, WORKDIR)}
    assert runs["a"].model.projector == "none"
    assert runs["a"].loss.landmark_regression == 0
    assert runs["c"].loss == config.run.loss
    assert runs["oracle"].supervised.domain == "target"
    assert runs["c"].model.au_pooling == "global"
    assert {run.seed for run in runs.values()} == {5}
    assert runs["a"].init_from == ""
    assert runs["c"].init_from == "runs/stage_1/seed5"
    assert config.run.init_from == ""  # the comparison's own config stays


@pytest.mark.parametrize("size", ["", "demo", "small", "tiny"])
def test_every_recipe_is_a_valid_run(size):
    config = compare_config.get_config(size)
    config.heads, config.seeds = ("grid",), (0,)
    assert len(names(config)) > 25


@pytest.mark.parametrize("configs", [compare_config, variants_config])
def test_labels_of_the_target_choose_no_start(configs):
    """Runs that adapt have a best checkpoint by those labels; it must not be taken."""
    adapted = {"joint", "finetune", "adabn", "adda", "mean_teacher", "dann"}
    found = 0
    for run in plan.runs(configs.get_config(), WORKDIR):
        if run.start and adapted & set(run.start.config.stages):
            assert run.config.init_rule == "source", run.folder
            found += 1
    assert found


@pytest.mark.parametrize("size", ["", "small"])
def test_each_variant_differs_from_c_in_one_thing(size):
    config = variants_config.get_config(size)
    config.seeds = (0,)
    runs = {run.row.method: run for run in plan.runs(config, WORKDIR)}
    variants = [name for name in runs if name.startswith("c_")]
    assert len(variants) == 24
    leaves = {name: leaves_of(run.config) for name, run in runs.items()}
    changed = {
        name: {key for key, value in leaves[name].items() if value != leaves["c"][key]}
        for name in variants
    }
    # Those that start from something else change no other value.
    assert changed.pop("c_from_scratch") == {"init_from"}
    assert changed.pop("c_finetuned") == {"init_from", "init_rule", "stages"}
    assert changed.pop("c_adabn") == {"init_from", "init_rule", "stages"}
    both = {"discriminators.spectral_norm", "joint.epochs"}
    assert changed.pop("c_spectral_norm_four_times") == both
    assert all(len(keys) == 1 for keys in changed.values()), changed
    assert changed["c_twice"] == {"joint.epochs"}
    assert changed["c_slow_discriminators"] == {"optim.discriminator.learning_rate"}
    assert runs["c_twice"].config.joint.epochs == 2 * runs["c"].config.joint.epochs


def test_the_sweep_changes_one_weight_at_a_time():
    config = small(methods=("c",))
    config.sweep.loss.landmark = ".3,1.2"
    config.sweep.loss.au = "2"
    rows = [row.name for row in plan.rows(config)]
    assert rows == [
        "c-grid",
        "c-grid-loss.au=2",
        "c-grid-loss.landmark=0.3",
        "c-grid-loss.landmark=1.2",
    ]
    by_row = {run.row.name: run.config.loss for run in plan.runs(config, WORKDIR)}
    assert by_row["c-grid-loss.landmark=0.3"].landmark == 0.3
    assert by_row["c-grid-loss.landmark=0.3"].au == by_row["c-grid"].au


def test_classical_rows_have_no_runs():
    config = small(methods=tuple(classical.NAMES))
    assert names(config) == []
    assert [row.method for row in plan.rows(config)] == list(classical.NAMES)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"methods": ("dan",)}, "'dan' is not known; did you mean"),
        ({"methods": ("stage_1",)}, "'stage_1' is not known"),
        ({"methods": ("fab_net_embedding",)}, "'fab_net_embedding' is not known"),
        ({"methods": ("c", "c")}, "must name each row once"),
        ({"heads": ("mesh",)}, "it takes: global, grid, landmarks"),
        ({"seeds": (1, 1)}, "must be different numbers"),
        ({"bootstrap": 1}, "must be at least 2"),
        ({"sweep": {"loss": {"au": "1,x"}}}, "'x' is no number"),
    ],
)
def test_mistakes_are_one_line(change, message):
    with pytest.raises(UserError, match=message):
        plan.runs(small(**change), WORKDIR)


def test_a_training_config_compares_nothing():
    from configs import joint

    with pytest.raises(UserError, match="compares nothing"):
        plan.rows(joint.get_config())


def test_the_listing_numbers_the_tasks_of_each_level():
    config = small(methods=("source_only", "dann"), seeds=(0, 1))
    lines = plan.listing(plan.runs(config, WORKDIR)).splitlines()
    assert lines[:2] == [
        f"--level=0 --task={n}  runs/stage_1/seed{n}" for n in range(2)
    ]
    assert lines[2].startswith("--level=1 --task=0  ")
    assert len(lines) == 6
