"""Scores by group. Expected: scikit-learn on the images of each group."""

import csv
import dataclasses
import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from au_jax.data.split import FaceSplit, Records
from au_jax.errors import UserError
from au_jax.evaluation import groups
from au_jax.evaluation.inference import SplitPredictions
from au_jax.workdir import thresholds
from au_jax.workdir.thresholds import Thresholds
from tests.rendered import photo
from tests.target_models import load_answers

AUS = (1, 12)


class Split(FaceSplit):
    """A split of 90 images of 30 people, without records."""

    def record(self, index):
        return {
            "path": f"{index:02d}.jpg".encode(),
            "subject": f"P{index // 3}".encode(),
        }


@pytest.fixture
def data(tmp_path):
    """Return the split; people with even numbers wear glasses."""
    with (tmp_path / groups.FILE).open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["path", "glasses", "rare"])
        for i in range(90):
            worn = "yes" if i // 3 % 2 == 0 else "no"
            rare = "few" if i < 9 else "" if i < 12 else "many"
            lines.writerow([f"{i:02d}.jpg", worn, rare])
    return Split((Records(tmp_path, "test", AUS, 90),), AUS)


@pytest.fixture
def answers(monkeypatch, data):
    """Answer well without glasses and at random with them; return the answers."""
    rng = np.random.default_rng(0)
    aus = (rng.random((90, 2)) < 0.4).astype(np.float32)
    known = np.ones((90, 2), bool)
    known[:6, 1] = False
    worn = (np.arange(90) // 3 % 2 == 0)[:, None]
    p = np.where(worn, rng.random((90, 2)), 0.5 * aus + 0.6 * rng.random((90, 2)))
    p = p.clip(0, 1).astype(np.float32)
    found = SplitPredictions({"direct": p}, aus, known, None)
    monkeypatch.setattr(groups, "load_target_model", load_answers(data, found))
    return p, aus, known, worn[:, 0]


def test_each_group_has_its_own_scores(tmp_path, data, answers, capsys):
    p, aus, known, worn = answers
    scored = {g.name: g for g in groups.evaluate(tmp_path, "test", "glasses")}
    assert set(scored) == {"yes", "no"}
    for name, chosen in (("yes", worn), ("no", ~worn)):
        group = scored[name]
        assert (group.images, group.people) == (45, 15)
        for a in range(2):
            rows = chosen & known[:, a]
            expected = roc_auc_score(aus[rows, a], p[rows, a])
            assert group.scores.auc[a] == pytest.approx(expected)
            inactive = rows & (aus[:, a] == 0)
            assert group.false_alarms[a] == pytest.approx(
                (p[inactive, a] >= 0.5).mean()
            )
        low, high = group.interval
        assert low <= group.scores.mean("auc") <= high
    text = (tmp_path / "eval-by-glasses.md").read_text()
    assert "largest gap of the mean AUC" in text
    assert "no over yes" in text
    stored = json.loads((tmp_path / "eval-by-glasses.json").read_text())
    assert stored["yes"]["auc"]["1"] == pytest.approx(scored["yes"].scores.auc[0])
    assert "AU12" in text
    assert "false" in capsys.readouterr().out


@pytest.mark.parametrize(("step", "false_alarms"), [(3, 0.0), (4, 1.0)])
def test_thresholds_count_for_their_own_checkpoint_alone(
    tmp_path, monkeypatch, data, answers, step, false_alarms
):
    """Inactive faces get .6: more than the usual .5, less than the chosen .8."""
    aus, known = answers[1:3]
    p = np.where(aus > 0, 0.9, 0.6).astype(np.float32)
    found = SplitPredictions({"direct": p}, aus, known, None)
    monkeypatch.setattr(groups, "load_target_model", load_answers(data, found))
    chosen = Thresholds("val", "gradient_patches", step, "direct", (0.8, 0.8))
    thresholds.write(tmp_path, chosen, AUS)
    for group in groups.evaluate(tmp_path, "test", "glasses"):
        np.testing.assert_allclose(group.false_alarms, false_alarms)
    text = (tmp_path / "eval-by-glasses.md").read_text()
    assert ("at thresholds chosen on val" in text) == (step == 3)


def test_a_group_without_active_labels_has_no_interval(tmp_path, data, answers):
    """Expected: null in the file, because JSON has no NaN."""
    aus = answers[1]
    aus[:] = 0
    groups.evaluate(tmp_path, "test", "glasses")
    stored = json.loads((tmp_path / "eval-by-glasses.json").read_text())
    assert stored["yes"]["mean AUC, 95 %"] == [None, None]
    assert "NaN" not in (tmp_path / "eval-by-glasses.json").read_text()


def test_a_group_of_one_person_has_no_interval(tmp_path, data, answers, monkeypatch):
    people = np.where(answers[3], 0, 1 + np.arange(90) // 3)
    monkeypatch.setattr(groups, "people_of", lambda data: people)
    alone, others = groups.evaluate(tmp_path, "test", "glasses")[::-1]
    assert (alone.name, alone.people, others.people) == ("yes", 1, 15)
    stored = json.loads((tmp_path / "eval-by-glasses.json").read_text())
    assert stored["yes"]["mean AUC, 95 %"] == [None, None]
    assert None not in stored["no"]["mean AUC, 95 %"]
    text = (tmp_path / "eval-by-glasses.md").read_text()
    (line,) = (x for x in text.splitlines() if x.startswith("| yes"))
    assert line.split("|")[7].strip() == "-"


def test_small_groups_and_images_without_one_are_named(tmp_path, data, answers):
    (group,) = groups.evaluate(tmp_path, "test", "rare")
    assert (group.name, group.images) == ("many", 78)
    text = (tmp_path / "eval-by-rare.md").read_text()
    assert "fewer than 20 images: few" in text
    assert "3 of 90 images have no group" in text


@pytest.mark.parametrize(
    ("header", "by", "message"),
    [
        ("path,glasses", "skin", "needs columns path or subject, and skin"),
        ("file,glasses", "glasses", "there are 'file', 'glasses'"),
        ("", "glasses", "there are none"),
    ],
)
def test_a_table_without_the_column(tmp_path, data, header, by, message):
    table = tmp_path / "other.csv"
    table.write_text(header + "\n")
    with pytest.raises(UserError, match=message):
        groups.read_groups(table, by, data)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            "path;glasses\nx.jpg;yes\n",
            "it has 'x.jpg', where the set has '00.jpg'",
        ),
        ("subject,glasses\n", "it has 'no rows', where the set has 'P0'"),
        ("path,glasses\n00.jpg,yes\n00.jpg,no\n", "line 3: '00.jpg' is 'no' here"),
    ],
)
def test_a_table_of_other_images_or_with_two_groups_for_one(
    tmp_path, data, lines, message
):
    table = tmp_path / "other.csv"
    table.write_text(lines)
    with pytest.raises(UserError, match=message):
        groups.read_groups(table, "glasses", data)


def test_no_table(tmp_path, data):
    with pytest.raises(UserError, match=r"give --groups=FILE"):
        groups.read_groups(tmp_path / "none.csv", "skin", data)


def test_each_of_several_sets_has_a_table_of_its_own(tmp_path, data):
    """Expected: the images of a set without one have no group."""
    parts = [dataclasses.replace(data.parts[0], length=6)]
    for name in ("second", "third"):
        (tmp_path / name).mkdir()
        parts.append(Records(tmp_path / name, "test", AUS, 2))
    (tmp_path / "third" / groups.FILE).write_text("path,glasses\n01.jpg,goggles\n")
    both = Split(tuple(parts), AUS)
    found, _ = groups.read_groups(None, "glasses", both)
    assert found == ["yes"] * 3 + ["no"] * 3 + ["", "", "", "goggles"]
    with pytest.raises(UserError, match=r"second.*give --groups=FILE"):
        groups.read_groups(None, "glasses", Split(tuple(parts[1:2]), AUS))


def test_people_may_be_grouped_by_name(tmp_path, data):
    table = tmp_path / "people.csv"
    table.write_text("subject,age\nP0,old\nP2,young\n")
    found, people = groups.read_groups(table, "age", data)
    assert found[:9] == ["old"] * 3 + [""] * 3 + ["young"] * 3
    assert len(set(people.tolist())) == 30


def test_rendered_people_have_groups():
    from au_jax.rendering import person, sets

    seen = {"skin": set(), "sex": set(), "age": set()}
    for number in range(1, 40):
        job = sets.Job(sets.PLANS["faces_lab"], 0, "train", number)
        shape = person.draw_person(job._rng(0))
        for kind, name in shape.groups().items():
            seen[kind].add(name)
    assert len(seen["skin"]) >= 4
    assert seen["sex"] == {"female", "between", "male"}
    assert seen["age"] == {"young", "middle", "old"}
    assert not photo(0).glasses


def test_a_gap_is_over_the_aus_that_all_groups_have():
    aucs = {"a": np.array([0.9, 0.5]), "b": np.array([0.8, np.nan])}
    assert groups._gaps(aucs) == [
        "largest gap of the mean AUC: 10.0 points, a over b (over the 1 AUs that all"
        " groups have)"
    ]
    (none,) = groups._gaps({"a": np.array([0.9, np.nan]), "b": np.array([np.nan, 0.8])})
    assert none.startswith("no gap")
