"""Start from another run. Expected: the numbers of that run's checkpoint."""

import logging

import numpy as np
import pytest

from au_jax.errors import UserError
from au_jax.stages import mean_teacher
from au_jax.training.run import train
from au_jax.types import Variables
from au_jax.workdir import initial_networks as module
from au_jax.workdir.best_networks import best_networks
from au_jax.workdir.config import read_config
from au_jax.workdir.initial_networks import find_origin, initial_networks
from configs import joint as joint_config
from configs import supervised as supervised_config
from tests.stages.small import AUS
from tests.synthetic import write_prepared
from tests.trees import assert_trees_equal


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """Return a data folder, and the workdir of a run of stage 1 on it."""
    folder = tmp_path_factory.mktemp("other")
    write_prepared(folder / "prepared", "bp4d")
    write_prepared(folder / "prepared", "emotionet", labelled_train=False)
    config = joint_config.get_config("tiny")
    config.data.data_dir = str(folder / "prepared")
    config.max_steps_per_epoch = 2
    config.stages = ("landmarks",)
    train(config, folder / "run")
    return folder / "prepared", folder / "run"


def supervised(other, init_from):
    config = supervised_config.get_config("tiny")
    config.data.data_dir = str(other[0])
    config.data.aus = AUS
    config.init_from = str(init_from)
    return config


@pytest.mark.parametrize("stage", ["", "landmarks"])
def test_a_stage_starts_from_the_networks_it_shares(other, stage, tmp_path, caplog):
    _, run = other
    config = supervised(other, run / stage)
    with caplog.at_level(logging.INFO, "au_jax"):
        params, stats = initial_networks("supervised", config, tmp_path)
    (theirs, their_stats), step = best_networks(
        "landmarks", "source", read_config(run), run
    )
    shared = set(params["task"]) & set(theirs["task"])
    assert "feature_encoder" in shared
    assert "au_detector" in set(params["task"]) - shared
    for name in shared:
        assert_trees_equal(params["task"][name], theirs["task"][name])
        assert_trees_equal(stats["task"].get(name), their_stats["task"].get(name))
    assert step == 2
    assert f"{run / 'landmarks'}, step 2: task/" in caplog.text
    for name in shared:
        assert f"task/{name}" in caplog.text


def test_a_rule_chooses_the_checkpoint_of_the_other_run(other):
    _, run = other
    assert find_origin(str(run), "").rule == "source"  # the stage sees nothing else
    assert find_origin(str(run), "label_free").rule == "label_free"


def numbered(number: int, *names: str) -> Variables:
    """Return networks whose only parameter and statistic is a number."""
    each = {name: {"x": np.full((), number, np.float32)} for name in names}
    return Variables({"task": dict(each)}, {"task": dict(each)})


@pytest.mark.parametrize(
    ("stages", "rule"),
    [
        (("joint", "mean_teacher"), "target"),
        (("supervised", "mean_teacher"), "source"),
    ],
)
def test_the_predecessor_in_the_run_counts_before_another_run(
    tmp_path, monkeypatch, stages, rule
):
    """Drawn networks are 0, those of the other run 1, those of the predecessor 2."""
    config, asked = joint_config.get_config("tiny"), []
    config.stages, config.init_from = stages, "elsewhere"
    teacher, student = mean_teacher.TEACHER, mean_teacher.STUDENT
    origin = module.Origin("supervised", "label_free", config, tmp_path / "elsewhere")

    def best(stage, rule, config, workdir):
        asked.append((stage, rule))
        if workdir == origin.workdir:
            return numbered(1, *teacher), 1
        return numbered(2, "feature_encoder"), 1

    fresh = numbered(0, *teacher, *student)
    monkeypatch.setattr(module, "fresh_networks", lambda *_: fresh)
    monkeypatch.setattr(module, "find_origin", lambda *_: origin)
    monkeypatch.setattr(module, "best_networks", best)
    (tmp_path / stages[0]).mkdir()
    found = initial_networks("mean_teacher", config, tmp_path)
    for groups in found:
        numbers = {name: int(one["x"]) for name, one in groups["task"].items()}
        assert [numbers[name] for name in (*teacher, *student)] == [2, 1, 2, 1]
    assert asked == [("supervised", "label_free"), (stages[0], rule)]


def test_of_a_run_the_last_stage_that_it_lists_counts(tmp_path, monkeypatch):
    config = joint_config.get_config("tiny")
    config.stages = ("dann", "supervised")
    position = lambda folder: folder.is_dir() or None
    monkeypatch.setattr(module.checkpoints, "position", position)
    monkeypatch.setattr(module, "read_config", lambda path: config)
    for stage in config.stages:
        (tmp_path / stage).mkdir()
    assert find_origin(str(tmp_path), "")[:2] == ("supervised", "source")
    assert find_origin(str(tmp_path / "dann"), "")[:2] == ("dann", "target")


@pytest.mark.parametrize("domain", ["source", "target"])
def test_the_domain_that_supervised_learned_from_chooses(tmp_path, monkeypatch, domain):
    """Of another run as well as of the predecessor in the same one."""
    config, asked = joint_config.get_config("tiny"), []
    config.stages, config.supervised.domain = ("supervised", "adda"), domain
    position = lambda folder: folder.is_dir() or None
    monkeypatch.setattr(module.checkpoints, "position", position)
    monkeypatch.setattr(module, "read_config", lambda path: config)
    (tmp_path / "supervised").mkdir()
    assert find_origin(str(tmp_path), "").rule == domain
    assert find_origin(str(tmp_path), "label_free").rule == "label_free"

    def best(stage, rule, config, workdir):
        asked.append((stage, rule))
        return numbered(1, "feature_encoder"), 1

    fresh = numbered(0, "feature_encoder", "source_encoder")
    monkeypatch.setattr(module, "fresh_networks", lambda *_: fresh)
    monkeypatch.setattr(module, "best_networks", best)
    initial_networks("adda", config, tmp_path)
    assert asked == [("supervised", domain)]


def test_both_encoders_of_adda_start_as_the_one_that_it_takes(other, tmp_path):
    config = supervised(other, other[1])
    config.stages = ("adda",)
    variables = initial_networks("adda", config, tmp_path)
    theirs, _ = best_networks("landmarks", "source", read_config(other[1]), other[1])
    for ours, taken in zip(variables, theirs, strict=True):
        for name in ("feature_encoder", "source_encoder"):
            assert_trees_equal(ours["task"][name], taken["task"]["feature_encoder"])


@pytest.mark.parametrize("aus", [AUS[::-1], (*AUS[:-1], 43)])
def test_as_many_other_aus_are_refused(aus, monkeypatch, tmp_path):
    """The shapes are equal, so only the configs tell the columns apart."""
    config, theirs = (supervised_config.get_config("tiny") for _ in range(2))
    config.data.aus, theirs.data.aus, config.init_from = AUS, aus, "elsewhere"
    networks = numbered(0, "feature_encoder", "au_detector")
    origin = module.Origin("supervised", "source", theirs, tmp_path)
    monkeypatch.setattr(module, "fresh_networks", lambda *_: networks)
    monkeypatch.setattr(module, "find_origin", lambda *_: origin)
    monkeypatch.setattr(module, "best_networks", lambda *_: (networks, 1))
    wanted = f"give --config.data.aus={','.join(map(str, aus))},"
    with pytest.raises(UserError, match=wanted):
        initial_networks("supervised", config, tmp_path)
    # Networks that know no AU may come from there.
    without = numbered(0, "feature_encoder")
    monkeypatch.setattr(module, "best_networks", lambda *_: (without, 1))
    initial_networks("supervised", config, tmp_path)


def test_other_shapes_are_refused(other, tmp_path):
    config = supervised(other, other[1])
    config.model.width = 0.25
    with pytest.raises(UserError, match="shapes of feature_encoder differ") as error:
        initial_networks("supervised", config, tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("folder", ["prepared", "nowhere", "run/joint"])
def test_a_folder_without_checkpoint_is_named_at_once(other, folder, tmp_path):
    config = supervised(other, other[1].parent / folder)
    with pytest.raises(UserError, match=f"init_from=.*{folder} holds no checkpoint"):
        train(config, tmp_path / "new")
    assert not (tmp_path / "new").exists()
