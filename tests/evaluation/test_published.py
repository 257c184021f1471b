"""Published scores beside ours. Expected: the paper's tables and hand-made scores."""

import dataclasses

import numpy as np
import pytest

from au_jax.evaluation import published, tables
from au_jax.evaluation.metrics import AuScores
from au_jax.evaluation.report import ModelReport, PathScores, Report

AUS = (12, 1, 2, 4, 6, 17)  # not in the papers' order


def scores(f1: float) -> AuScores:
    """Return an F1 that rises by .01 from AU to AU in the order of `AUS`."""
    values = f1 + np.arange(6) / 100
    counts = np.full(6, 10)
    return AuScores(values, values + 0.4, values, values, counts, counts)


MODEL = ModelReport(
    domain="target",
    data_set="emotionet",
    split="test",
    num_images=10_400,  # some were lost
    stage="joint",
    step=8,
    is_floor=False,
    aus=AUS,
    paths=(PathScores("reconstructed", scores(0.3)), PathScores("direct", scores(0.2))),
    always_active=scores(0.1),
)
FLOOR_PATH = PathScores("direct", scores(0.05))
FLOOR = dataclasses.replace(
    MODEL, stage="supervised", is_floor=True, paths=(FLOOR_PATH,)
)


@pytest.mark.parametrize("data_set", published.F1)
def test_published_means_are_those_of_the_published_values(data_set):
    for *values, mean in published.F1[data_set].values():
        assert abs(np.mean(values) - mean) < 0.06


def test_published_f1_stands_beside_ours():
    header, *rows = published.f1_cells(Report((FLOOR, MODEL)), MODEL) or []
    assert header == ["F1, %", "AU01", "AU02", "AU04", "AU06", "AU12", "AU17", "mean"]
    by_name = {name: cells for name, *cells in rows}
    assert [row[0] for row in rows[-5:]] == [
        "arXiv:2310.05207, published",
        "supervised, direct, this run",
        "joint, reconstructed, this run",
        "joint, direct, this run",
        "always active",
    ]
    assert " ".join(by_name["ADLD, published"]) == "19.8 25.2 31.0 58.2 78.3 8.6 36.8"
    ours = ["31.0", "32.0", "33.0", "34.0", "30.0", "35.0", "32.5"]
    assert by_name["joint, reconstructed, this run"] == ours
    assert by_name["always active"][-1] == "12.5"


def test_published_ablation_stands_beside_ours():
    rows = published.ablation_cells(Report((FLOOR, MODEL)), MODEL)
    assert rows == [
        ["mean over AUs, %", "F1", "accuracy"],
        ["model A, published", "36.5", "86.4"],
        ["model B, published", "37.5", "87.1"],
        ["model C, published", "38.9", "87.7"],
        ["always active", "12.5", "52.5"],
        ["supervised, direct, this run", "7.5", "47.5"],
        ["joint, direct, this run", "22.5", "62.5"],
        ["joint, reconstructed, this run", "32.5", "72.5"],
    ]


def test_markdown_has_them_only_where_data_and_aus_are_the_papers():
    titles = [f"## {x} on emotionet, as published" for x in ("F1", "Ablation")]
    lines = tables.to_markdown(Report((FLOOR, MODEL))).splitlines()
    assert [line for line in lines if "as published" in line] == titles
    source = dataclasses.replace(
        MODEL, domain="source", data_set="bp4d", num_images=20_940
    )
    lines = tables.to_markdown(Report((source,))).splitlines()
    assert "## F1 on bp4d, as published" in lines
    other = dataclasses.replace(MODEL, data_set="wild")
    assert "published" not in tables.to_markdown(Report((other,)))
    fewer = dataclasses.replace(MODEL, aus=(1, 2, 4, 6, 12, 25))
    assert "published" not in tables.to_markdown(Report((fewer,)))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        # Sets of older versions: name and number of images.
        ({}, "bp4d"),
        ({"images": 19_000}, "bp4d"),
        ({"images": 670}, ""),  # stand-ins
        ({"images": 24_869, "split": "val"}, ""),
        ({"split": "val"}, ""),
        ({"name": "mine"}, ""),
        ({"aus": (1, 2, 4)}, ""),
        ({"name": "emotionet", "images": 10_544}, "emotionet"),
        ({"name": "emotionet"}, ""),
        # What was read, and by which rule it is split.
        ({"name": "mine", "dataset": "bp4d", "split_rule": "bp4d-adld"}, "bp4d"),
        ({"dataset": "folder", "split_rule": "bp4d-adld"}, ""),
        ({"dataset": "bp4d", "split_rule": "drawn by subject, seed 0"}, ""),
        ({"dataset": "bp4d", "split_rule": "bp4d-fold3"}, ""),
        ({"dataset": "bp4d", "split_rule": "bp4d-adld", "images": 670}, ""),
        ({"name": "bp4d+mine", "dataset": "bp4d+bp4d"}, ""),
    ],
)
def test_published_scores_hold_for_the_sets_themselves(changes, expected):
    tested = published.Tested("bp4d", "test", 20_940, AUS)
    assert published.set_of(tested._replace(**changes)) == expected


def test_emotionet_needs_the_split_of_adlds_lists():
    by_lists = dataclasses.replace(
        MODEL, dataset="emotionet", split_rule="emotionet-adld"
    )
    assert published.f1_cells(Report((by_lists,)), by_lists)
    halved = dataclasses.replace(by_lists, split_rule="labelled pictures halved")
    assert published.f1_cells(Report((halved,)), halved) is None
    assert published.ablation_cells(Report((halved,)), halved) is None
