"""A comparison from its config to its tables. Expected: what each run was to give."""

import json
import logging
import signal
from typing import Any

import pytest

from au_jax.comparison import other_rows, plan, scores, stored
from au_jax.comparison import run as comparison
from au_jax.errors import UserError
from au_jax.runtime.signals import Requests, Stopped
from au_jax.workdir.config import write_config
from configs import compare as compare_config
from tests.stages.small import AUS
from tests.synthetic import write_prepared


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    for name in ("bp4d", "emotionet"):
        write_prepared(folder, name, labelled_train=name == "bp4d")
    return str(folder)


def short(data_dir: str, *methods: str) -> Any:
    config = compare_config.get_config("tiny")
    config.methods = methods
    config.run.data.data_dir = data_dir
    config.run.data.aus = AUS
    config.run.max_steps_per_epoch = 1
    return config


METHODS = ("landmarks_alone", "source_only_from_scratch")


@pytest.fixture(scope="module")
def compared(data_dir, tmp_path_factory):
    """Return a comparison of two rows and the table of another tool."""
    workdir = tmp_path_factory.mktemp("compare")
    table = workdir / "other.csv"
    table.write_text("file,AU01,AU12\n/x/test/0000.jpg,.9,.2\ntest/0001.jpg,.1,.7\n")
    config = short(data_dir, *METHODS)
    comparison.compare(config, workdir, Requests(), predictions=[("Other", table)])
    return config, workdir


def test_every_row_has_its_scores_and_its_cost(compared):
    _, workdir = compared
    summary = json.loads((workdir / "compare.json").read_text())
    rows = {row["method"]: row for row in summary["rows"]}
    assert list(rows) == [*METHODS, "Other"]
    for row in rows.values():
        for rule in ("source", "label_free", "target"):
            for domain in ("source", "target"):
                assert 0 <= row["scores"][rule][domain]["f1"]["mean"] <= 1
    trained = rows["source_only_from_scratch"]
    assert (trained["seeds"], trained["cost"]["steps"]) == ([0], 1)
    assert trained["cost"]["parameters"] > 1000
    assert rows["Other"]["seeds"] == []
    for suffix in ("md", "html", "csv"):
        assert (
            "source only, from scratch" in (workdir / f"compare.{suffix}").read_text()
        )


def test_what_is_done_is_not_done_again(compared, monkeypatch):
    config, workdir = compared
    before = (workdir / "compare.json").read_text()

    def fail(*_: Any) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(comparison, "train", fail)
    comparison.compare(config, workdir, Requests())
    assert (workdir / "compare.json").read_text() == before


def test_a_changed_config_does_not_mix_with_old_runs(compared):
    config, workdir = compared
    changed = short(config.run.data.data_dir, *METHODS)
    changed.run.data.crop = 144
    before = (workdir / "compare.json").read_text()
    with pytest.raises(UserError, match="was trained with another config"):
        comparison.compare(changed, workdir, Requests())
    assert (workdir / "compare.json").read_text() == before


def test_tables_alone_do_not_state_another_config(compared):
    config, workdir = compared
    changed = short(config.run.data.data_dir, *METHODS)
    changed.run.data.crop = 144
    before = (workdir / "compare.md").read_text()
    with pytest.raises(UserError, match="was trained with another config"):
        comparison.rewrite_tables(changed, workdir)
    comparison.rewrite_tables(config, workdir)
    assert (workdir / "compare.md").read_text() == before


def test_what_is_done_stays_done_in_a_moved_folder(data_dir, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        stored.resume, "check_same_config", lambda _, c: seen.append(c.init_from)
    )
    _, run = plan.runs(short(data_dir, "source_only"), tmp_path)
    stored.check_same(run)
    run.folder.mkdir(parents=True)
    for start in ("old/stage_1/seed0", "old/other/seed0"):
        begun = run.config.copy_and_resolve_references()
        begun.init_from = start
        write_config(run.folder, begun)
        stored.check_same(run)
    own = run.config.init_from
    assert seen == [own, "old/stage_1/seed0", own]


def test_tables_alone_leave_out_no_row_that_was_scored_otherwise(compared):
    config, workdir = compared
    before = (workdir / "compare.json").read_text()
    changed = short(config.run.data.data_dir, *METHODS)
    changed.bootstrap = 30
    with pytest.raises(UserError, match="leave out --notrain to score it again"):
        comparison.rewrite_tables(changed, workdir)
    assert (workdir / "compare.json").read_text() == before


def test_a_tool_that_the_tables_lose_is_named(compared, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("au_jax"), "propagate", True)
    config, workdir = compared
    other_rows.name_left_out(workdir, scores.conditions(config))
    assert not caplog.text
    changed = scores.conditions(config)._replace(resamples=30)
    other_rows.name_left_out(workdir, changed)
    assert "the tables lack Other" in caplog.text


def test_scores_on_other_data_are_not_taken_for_new_ones(data_dir, tmp_path):
    def aucs(folder: str, **changes: Any) -> list[float]:
        config = short(data_dir, "landmarks_alone")
        config.run.data.update(changes)
        comparison.compare(config, tmp_path / folder, Requests())
        (row,) = json.loads((tmp_path / folder / "compare.json").read_text())["rows"]
        return row["scores"]["source"]["target"]["auc"]["aus"]

    first = aucs("same")
    changed = aucs("same", target="bp4d")
    assert changed == aucs("fresh", target="bp4d") != first
    assert len(aucs("same", aus=AUS[:1])) == 1


def test_a_run_that_fails_leaves_out_those_that_start_from_it(
    data_dir, tmp_path, monkeypatch
):
    config = short(data_dir, "source_only", "dann", "source_only_from_scratch")
    tried = []

    def train(config: Any, folder: Any, requests: Any) -> None:
        tried.append(folder.parent.name)
        raise UserError("the disk is full")

    monkeypatch.setattr(comparison, "train", train)
    with pytest.raises(UserError, match=r"4 of 4 runs failed: .*the disk is full"):
        comparison.compare(config, tmp_path, Requests())
    assert tried == ["stage_1", "source_only_from_scratch-grid"]


def test_a_signal_stops_before_the_next_run(data_dir, tmp_path):
    requests = Requests()
    requests.stop = signal.SIGTERM
    with pytest.raises(Stopped):
        comparison.compare(short(data_dir, "dann"), tmp_path, requests)


def test_one_task_of_a_level(data_dir, tmp_path, monkeypatch):
    config = short(data_dir, "source_only", "dann")
    tried = []
    monkeypatch.setattr(
        comparison, "complete", lambda run, *_: bool(tried.append(run.row.name))
    )
    comparison.compare(config, tmp_path, Requests(), level=1, task=1)
    assert tried == ["dann-grid"]
    assert not (tmp_path / "compare.md").exists()
    for level, task, message in (
        (3, None, "levels 0 to 1"),
        (1, 2, "tasks 0 to 1"),
        (None, 0, "give --level"),
    ):
        with pytest.raises(UserError, match=message):
            comparison.compare(config, tmp_path, Requests(), level, task)
    untrained = short(data_dir, "hog")
    with pytest.raises(UserError, match="no method of config"):
        comparison.compare(untrained, tmp_path, Requests(), level=0)


@pytest.mark.slow
def test_self_training_is_compared_with_what_it_starts_from(data_dir, tmp_path):
    config = short(data_dir, "gradient_patches", "self_training")
    comparison.compare(config, tmp_path, Requests())
    rows = json.loads((tmp_path / "compare.json").read_text())["rows"]
    steps = {row["method"]: row["cost"]["steps"] for row in rows}
    assert steps == {"gradient_patches": 1, "self_training": 2}


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_every_row_at_its_smallest(data_dir, tmp_path):
    config = compare_config.get_config("tiny")
    config.run.data.data_dir = data_dir
    config.run.data.aus = AUS
    config.run.max_steps_per_epoch = 1
    comparison.compare(config, tmp_path, Requests())
    summary = json.loads((tmp_path / "compare.json").read_text())
    assert {row["method"] for row in summary["rows"]} == set(config.methods)
    assert (tmp_path / "compare.md").read_text().count("Table 3, ablation") == 3


@pytest.mark.slow
def test_rows_for_answers_that_are_made_from_others(data_dir, tmp_path):
    config = short(data_dir, "a")
    config.mean_of_paths = config.centred = True
    comparison.compare(config, tmp_path, Requests())
    rows = json.loads((tmp_path / "compare.json").read_text())["rows"]
    both, one = ["source", "target"], ["target"]
    assert {row["path"]: list(row["scores"]["target"]) for row in rows} == {
        "direct": both,
        "reconstructed": one,
        "mean": one,
        "centred": both,
    }
    written = (tmp_path / "compare.md").read_text()
    assert "A, grid, mean of both paths" in written
    assert "A, grid, centred" in written
