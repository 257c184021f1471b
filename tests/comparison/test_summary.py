"""The summary and its tables. Expected: numpy's means, and numbers read back."""

import csv
import dataclasses
import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
from ml_collections import ConfigDict

from au_jax.comparison import scores, summary, tables
from au_jax.comparison.notes import heading
from au_jax.comparison.plan import Row, Run
from au_jax.comparison.scores import Key, Result, Scores, SplitLabels
from au_jax.errors import UserError
from au_jax.evaluation.bootstrap import resamples
from au_jax.types import RULES
from au_jax.workdir.validations import Answers
from configs import compare as compare_config
from tests.synthetic import write_prepared

CONDITIONS = scores.Conditions("test", 30)


@pytest.fixture(scope="module")
def split_labels():
    rng = np.random.default_rng(0)
    aus = (rng.random((40, 6)) < 0.5).astype(np.float32)
    return SplitLabels(aus, np.ones_like(aus, bool), resamples(np.arange(40) // 4, 30))


def result(split_labels: SplitLabels, seed: int, strength: float) -> Result:
    rng = np.random.default_rng(seed)
    found = {}
    for rule in RULES:
        for domain in ("source", "target"):
            noise = rng.random(split_labels.aus.shape)
            p = strength * split_labels.aus + (1 - strength) * noise
            scored = scores.score(p.astype("f4"), (0.5,) * 6, split_labels, 10)
            found[Key(rule, domain, "direct")] = scored
    return Result(
        CONDITIONS, {"steps": 10.0, "seconds": 2.0, "parameters": 5e5}, found, {10: 0.5}
    )


@pytest.fixture(scope="module")
def by_row(split_labels):
    row, floor = Row("dann", "grid"), Row("source_only", "grid")
    return {
        floor: {s: result(split_labels, s, 0.1) for s in range(2)},
        row: {s: result(split_labels, 10 + s, 0.3) for s in range(3)},
    }


@pytest.fixture(scope="module")
def entries(by_row):
    config = compare_config.get_config("tiny")
    return [
        entry
        for row, found in by_row.items()
        for entry in summary._row_entries(config, row, found, by_row)
    ]


def test_means_spreads_and_differences(by_row, entries):
    floor, row = by_row.values()
    key = Key("target", "target", "direct")
    aucs = [r.scores[key].values["auc"].mean() for r in row.values()]
    entry = entries[1]["scores"]["target"]["target"]["auc"]
    assert entry["mean"] == pytest.approx(np.mean(aucs), abs=1e-4)
    assert entry["sd"] == pytest.approx(np.std(aucs, ddof=1), abs=1e-4)
    resampled = np.mean([r.scores[key].resampled["auc"] for r in row.values()], axis=0)
    low, high = np.quantile(resampled, (0.025, 0.975))
    assert entry["interval"] == pytest.approx([low, high], abs=1e-4)
    # The floor has two seeds: differences are to the runs of the same seeds.
    shared = [row[seed] for seed in floor]
    differences = np.mean(
        [
            ours.scores[key].resampled["auc"] - theirs.scores[key].resampled["auc"]
            for ours, theirs in zip(shared, floor.values(), strict=True)
        ],
        axis=0,
    )
    of_floor = np.mean([r.scores[key].values["auc"].mean() for r in floor.values()])
    expected = [
        np.mean(aucs[: len(shared)]) - of_floor,
        *np.quantile(differences, (0.025, 0.975)),
    ]
    assert entry["minus_source_only"] == pytest.approx(expected, abs=1e-4)
    assert expected[1] > 0
    assert "minus_source_only" not in entries[0]["scores"]["target"]["target"]["auc"]
    assert entries[1]["seeds"] == [0, 1, 2]
    assert entry["by_seed"] == pytest.approx(aucs, abs=1e-4)


def test_a_run_costs_what_it_starts_from_too(tmp_path):
    start = None
    for name, seconds in (("stage_1", 5.0), ("source_only", 3.0)):
        start = Run(Row(name), 0, ConfigDict(), tmp_path / name, start)
        cost = {"steps": 1.0, "seconds": seconds}
        scores.write(start.folder, Result(CONDITIONS, cost, {}, {}))
    run = Run(Row("dann"), 0, ConfigDict(), tmp_path / "dann", start)
    own = Result(CONDITIONS, {"steps": 2.0, "seconds": 1.0}, {}, {})
    found = summary._with_cost_of_starts(run, own)
    assert found.cost == {"steps": 2.0, "seconds": 9.0}
    assert own.cost["seconds"] == 1.0
    (tmp_path / "stage_1" / scores.FILE).unlink()
    assert math.isnan(summary._with_cost_of_starts(run, own).cost["seconds"])


def test_unknown_seconds_are_empty(by_row, whole):
    config, (floor, found) = (
        compare_config.get_config("tiny"),
        next(iter(by_row.items())),
    )
    unknown = dataclasses.replace(found[0], cost={"steps": 1.0, "seconds": math.nan})
    (row,) = summary._row_entries(config, floor, {0: unknown}, by_row)
    assert row["cost"] == {"steps": 1.0, "seconds": None}
    written = tables.to_markdown({**whole, "rows": [row]})
    assert "nan" not in written


def with_two_paths(level: float) -> Result:
    """Return a result whose path "reconstructed" is .25 better than "direct"."""
    found = {}
    for domain in ("source", "target"):
        for path, more in (("direct", 0.0), ("reconstructed", 0.25)):
            values = {m: np.array([level + more]) for m in scores.METRICS}
            found[Key("target", domain, path)] = Scores(1, (0.5,), values, values)
    return Result(CONDITIONS, {}, found, {})


def test_adld_is_compared_by_its_reconstructed_path_on_the_target_alone():
    ours, adld = {0: with_two_paths(0.6)}, {"adld": {0: with_two_paths(0.5)}}
    found = summary._scores("direct", ours, adld, True)["target"]
    assert found["source"]["auc"]["minus_adld"] == pytest.approx([0.1] * 3)
    assert found["target"]["auc"]["minus_adld"] == pytest.approx([-0.15] * 3)


def test_scores_of_other_aus_are_not_subtracted(by_row):
    (floor, _) = by_row.values()
    ours = floor[0].scores[Key("target", "target", "direct")]
    assert "minus_adld" in summary._metric("auc", [ours], {"adld": ([ours], [ours])})
    auc = np.where(np.arange(6) < 5, ours.values["auc"], np.nan)
    tool = dataclasses.replace(ours, values={**ours.values, "auc": auc})
    found = summary._metric("auc", [tool], {"adld": ([tool], [ours])})
    assert "minus_adld" not in found


@pytest.fixture(scope="module")
def whole(entries):
    config = compare_config.get_config("tiny")
    trivial = {m: {"mean": 0.5, "aus": [0.5] * 6} for m in scores.METRICS}
    return {
        "setting": summary._setting(config),
        "always_active": {
            "source": {**trivial, "images": 20_940},
            "target": {**trivial, "images": 10_544},
        },
        "rows": entries,
        "label_free": [
            {
                "score": "snd",
                "checkpoints": 9,
                "runs": 3,
                "rank_correlation": None,
                "regret": 0.012,
                "regret_over_runs": 0.03,
            }
        ],
    }


def test_the_stages_of_all_starts_are_stated():
    config = compare_config.get_config("tiny")
    config.methods = ("hog", "adda")
    epochs = summary._setting(config)["epochs"]
    assert list(epochs) == ["landmarks", "supervised", "adda"]


def test_tables_show_the_numbers(whole, tmp_path):
    tables.write(tmp_path / "new", whole)
    tmp_path /= "new"
    stored = tables.read_summary(tmp_path / "compare.json")
    assert stored == json.loads(json.dumps(whole))
    mean = whole["rows"][1]["scores"]["label_free"]["target"]["f1"]["mean"]
    for suffix in ("md", "html"):
        page = (tmp_path / f"compare.{suffix}").read_text()
        assert f"{100 * mean:.1f} ±" in page
        assert "chosen without labels of the target" in page
        assert "always active" in page
        assert "DANN, published" in page  # these sets are the paper's
    lines = list(csv.DictReader(io.StringIO((tmp_path / "compare.csv").read_text())))
    found = [
        line
        for line in lines
        if (line["method"], line["rule"], line["domain"], line["metric"], line["au"])
        == ("DANN", "label_free", "target", "f1", "mean")
    ]
    assert [float(line["value"]) for line in found] == [mean]


def test_stand_ins_have_no_published_rows(whole):
    small = json.loads(json.dumps(whole))
    for domain in ("source", "target"):
        small["always_active"][domain]["images"] = 670
    assert "published" not in tables.to_markdown(small).lower()
    drawn = json.loads(json.dumps(whole))
    drawn["setting"]["datasets"] = {"source": "bp4d", "target": "emotionet"}
    rules = {"source": "bp4d-adld", "target": "labelled pictures halved, seed 0"}
    drawn["setting"]["split_rules"] = rules
    page = tables.to_markdown(drawn)
    assert "CLP, published" in page
    assert "DANN, published" not in page  # these are EmotioNet's


def test_the_heading_says_what_was_run(whole):
    sets = "Comparison of methods: bp4d to emotionet"
    first = tables.to_markdown(whole).splitlines()[0]
    assert first.startswith(f"# {sets}, crop 128, width")
    assert first.endswith(", 10 steps")
    steps = (304.0, 1216.0, None)
    costs = [{"seconds": 1.0} if n is None else {"steps": n} for n in steps]
    other = whole | {"rows": [{**whole["rows"][0], "cost": cost} for cost in costs]}
    assert tables.to_markdown(other).splitlines()[0].endswith(", 304 to 1,216 steps")
    bare = whole["setting"].keys() - {"crop", "width"}
    setting = {key: whole["setting"][key] for key in bare}
    assert heading({"setting": setting, "rows": []}) == sets


def test_a_comparison_stores_what_was_read(tmp_path):
    config = compare_config.get_config("tiny")
    config.run.data.data_dir = str(tmp_path)
    for domain, dataset in (("source", "bp4d"), ("target", "")):
        folder = write_prepared(tmp_path, config.run.data[domain], {"test": 2})
        file = Path(folder) / "metadata.json"
        known = json.loads(file.read_text())
        if dataset:
            known |= {"dataset": dataset, "split_rules": {"test": "bp4d-adld"}}
        file.write_text(json.dumps(known))
    assert summary._origins(config) == {
        "datasets": {"source": "bp4d", "target": ""},
        "split_rules": {"source": "bp4d-adld", "target": ""},
    }


def test_a_foreign_json_is_one_line(tmp_path):
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(UserError, match=r"no compare\.json"):
        tables.read_summary(tmp_path / "x.json")


def test_results_come_back_from_the_disk(split_labels, tmp_path):
    stored = result(split_labels, 0, 0.2)
    scores.write(tmp_path / "run", stored)
    found = scores.read(tmp_path / "run", CONDITIONS)
    assert found is not None
    assert (found.cost, found.reverse) == (stored.cost, stored.reverse)
    for key, expected in stored.scores.items():
        actual = found.scores[key]
        assert (actual.step, actual.thresholds) == (10, (0.5,) * 6)
        for metric in scores.METRICS:
            np.testing.assert_array_equal(
                actual.resampled[metric], expected.resampled[metric]
            )
    assert scores.read(tmp_path / "other", CONDITIONS) is None
    # Other resamples cannot be compared with these.
    assert scores.read(tmp_path / "run", CONDITIONS._replace(resamples=31)) is None
    file = tmp_path / "run" / scores.FILE
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(UserError, match="damaged"):
        scores.read(tmp_path / "run", CONDITIONS)


def test_thresholds_are_chosen_where_the_rule_says():
    rng = np.random.default_rng(0)
    aus = (rng.random((200, 1)) < 0.25).astype(np.float32)
    known = np.ones_like(aus, bool)
    p = (0.2 * aus + 0.01 * rng.random(aus.shape)).astype(np.float32)
    validation = {
        "source": Answers({"direct": p}, aus, known),
        "target": Answers({"direct": p + 0.5}, aus, known),
    }

    def chosen(rule: str, domain: str) -> float:
        return scores.choose_thresholds(rule, domain, "direct", validation)[0]

    assert 0.0 < chosen("source", "source") < 0.2
    assert 0.0 < chosen("label_free", "source") < 0.2
    assert 0.0 < chosen("source", "target") < 0.2
    assert 0.5 < chosen("target", "target") < 0.71
    # As many active answers as the source has active labels.
    active = p + 0.5 >= chosen("label_free", "target")
    assert active.sum() == aus.sum()


def test_a_tool_may_have_the_name_of_a_method(by_row):
    config = compare_config.get_config("tiny")
    found = next(iter(by_row.values()))[0]
    for name in ("adld", "hog"):
        (row, *_) = summary._row_entries(config, Row(name), {0: found}, by_row, True)
        assert (row["title"], row["seeds"]) == (name, [])


def test_a_damaged_summary_writes_nothing(whole, tmp_path):
    stored = tmp_path / "stored.json"
    for part in ({"rows": 5}, {"setting": {}}, {"label_free": [{"score": "snd"}]}):
        stored.write_text(json.dumps(whole | part))
        with pytest.raises(UserError, match="is damaged, or of another version"):
            tables.write_again(stored, tmp_path / "new")
        assert not (tmp_path / "new").exists()
    stored.write_text(json.dumps(whole))
    tables.write_again(stored, tmp_path / "new")
    assert len(list((tmp_path / "new").iterdir())) == 4
