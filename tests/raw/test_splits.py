"""Expected: method.md section 7, and the properties of a split by subject."""

import collections
import json
import re
from pathlib import Path

import pytest

from au_jax.errors import UserError
from au_jax.raw import splits
from au_jax.raw.row import Reject, Row

ROOT = Path(__file__).parents[2]

# The three folds in common use, and ADLD's split, which is the third.
P1 = "F001 F002 F008 F009 F010 F016 F018 F023 M001 M004 M007 M008 M012 M014"
P2 = "F003 F005 F011 F013 F020 F022 M002 M005 M010 M011 M013 M016 M017 M018"
VAL = "F004 F012 F014 F017 F021 M003 M015"
TEST = "F006 F007 F015 F019 M006 M009"
BP4D = [f"F{i:03}" for i in range(1, 24)] + [f"M{i:03}" for i in range(1, 19)]


def members(split: dict[str, str], name: str) -> set[str]:
    return {subject for subject, its in split.items() if its == name}


def test_exactly_the_41_subjects_get_the_published_split():
    split = splits.bp4d(BP4D, seed=3)
    assert members(split, "train") == set(f"{P1} {P2}".split())
    assert members(split, "val") == set(VAL.split())
    assert members(split, "test") == set(TEST.split())
    assert len(split) == 41


@pytest.mark.parametrize("subjects", [BP4D[:-1], [*BP4D, "M019"]])
def test_other_subjects_are_split_by_seed(subjects):
    split = splits.bp4d(subjects, seed=0)
    assert split == splits.by_subject(subjects, seed=0)
    assert split != splits.bp4d(subjects, seed=1)


@pytest.mark.parametrize("count", [3, 10, 72, 140])
def test_shares(count):
    split = splits.by_subject([f"S{i}" for i in range(count)], seed=0)
    sizes = [len(members(split, name)) for name in ("train", "val", "test")]
    assert sum(sizes) == count
    for size, share in zip(sizes, (0.7, 0.1, 0.2), strict=True):
        assert abs(size - share * count) <= 1.2
        assert size >= 1


def test_order_and_repetition_do_not_matter():
    subjects = [f"S{i}" for i in range(20)]
    split = splits.by_subject(subjects, seed=5)
    assert split == splits.by_subject([*reversed(subjects), "S3"], seed=5)


def test_two_subjects_cannot_be_split():
    assert set(splits.by_subject(["a", "b"], seed=0).values()) == {"train"}


def test_ranks_look_uniform():
    ranks = [splits.rank(f"name {i}", seed=0) / 2**64 for i in range(4000)]
    assert sum(ranks) / 4000 == pytest.approx(0.5, abs=0.02)
    assert splits.rank("a", 0) != splits.rank("a", 1)


def test_names_are_drawn_in_the_shares_of_the_paper():
    found = collections.Counter(splits.by_name(f"{i}.jpg", 0) for i in range(10_000))
    assert abs(found["train"] - 7000) < 200
    assert abs(found["val"] - 1000) < 150
    assert abs(found["test"] - 2000) < 200


@pytest.mark.parametrize("name", splits.NAMED)
def test_published_splits_hold_everyone_once(name):
    people = set(splits.NAMED["bp4d-fold1" if "bp4d" in name else "disfa-fold1"])
    assert set(splits.NAMED[name]) == people
    assert len(people) == (41 if "bp4d" in name else 27)
    text = (ROOT / "au_jax/raw/named_splits.json").read_text()
    parts = json.loads(text)[name]
    assert sum(len(part.split()) for part in parts.values()) == len(people)


@pytest.mark.parametrize("dataset", ["bp4d", "disfa"])
def test_folds_test_everyone_once(dataset):
    tests = [
        [
            s
            for s, split in splits.NAMED[f"{dataset}-fold{i}"].items()
            if split == "test"
        ]
        for i in (1, 2, 3)
    ]
    everyone = sorted(splits.NAMED[f"{dataset}-fold1"])
    assert sorted(s for some in tests for s in some) == everyone


def test_a_named_split_takes_its_people_only():
    people = splits.named("bp4d-fold2")
    items = [Row("a.jpg", "train", "F003"), Row("b.jpg", "test", "F999")]
    actual = list(splits.assign(items, people, "bp4d-fold2"))
    assert actual[0] == Row("a.jpg", "test", "F003")
    assert isinstance(actual[0], Row)
    assert actual[0].split_rule == "bp4d-fold2"
    assert isinstance(actual[1], Reject)
    assert actual[1].reason == "not_in_split"
    with pytest.raises(UserError, match=r"did you mean bp4d-fold[123]"):
        splits.named("bp4d-fold")


@pytest.mark.parametrize(
    ("subjects", "rule"),
    [
        (BP4D, "bp4d-adld"),
        (BP4D[:-1], "drawn by subject, seed 3"),
        (BP4D[:2], "all in train, too few subjects"),
    ],
)
def test_the_rule_of_bp4d_in_words(subjects, rule):
    assert splits.rule_of_bp4d(subjects, seed=3) == rule


def test_rules_of_several_splits_are_one_line():
    assert splits.in_words({"train": "bp4d-adld", "test": "bp4d-adld"}) == "bp4d-adld"
    mixed = {"train": "drawn by picture, seed 0", "val": "stated", "test": "stated"}
    expected = "train: drawn by picture, seed 0; val and test: stated"
    assert splits.in_words(mixed) == expected
    assert splits.in_words({}) == "not known"


@pytest.mark.parametrize(
    ("dataset", "rule", "subjects", "words"),
    [
        ("bp4d", "drawn by subject, seed 0", BP4D[:-1], "40 of BP4D's 41 .* M018; add"),
        ("bp4d", "drawn by subject, seed 0", [*BP4D, "M019"], "others beside .*; give"),
        (
            "bp4d",
            "drawn by subject, seed 0",
            ["S1", "S2"],
            None,
        ),  # another set's people
        ("bp4d", "bp4d-adld", BP4D[:-1], None),
        ("bp4d", "bp4d-fold1", BP4D[:-1], None),
        ("bp4dplus", "drawn by subject, seed 0", BP4D[:-1], None),
    ],
)
def test_bp4d_without_its_published_split_is_a_warning(dataset, rule, subjects, words):
    actual = splits.bp4d_warning(dataset, [rule], subjects)
    if words is None:
        assert not actual
    else:
        assert re.search(words, actual)
        assert "give --split=bp4d-adld" in actual
        assert "\n" not in actual
