"""The three forms of an evaluation. Expected: cells written down by hand."""

import dataclasses
import io
import json

import numpy as np
from rich.console import Console

from au_jax.evaluation import report, tables
from au_jax.evaluation.baselines import NAMES, BaselineScores
from au_jax.evaluation.metrics import AuScores
from au_jax.evaluation.report import Answer, ModelReport, PathScores, Report
from au_jax.workdir.thresholds import Thresholds

NAN = float("nan")
SCORES = AuScores(
    f1=np.array([0.5, 0.0, NAN]),
    accuracy=np.array([0.8124, 1.0, NAN]),
    average_precision=np.array([0.6, NAN, NAN]),
    auc=np.array([0.75, NAN, NAN]),
    images=np.array([40, 12, 0]),
    positives=np.array([10, 0, 0]),
)
TRIVIAL = dataclasses.replace(SCORES, f1=np.array([0.4, 0.0, NAN]))
DIRECT = PathScores("direct", SCORES)
MODEL = ModelReport(
    domain="target",
    data_set="wild",
    split="test",
    num_images=40,
    stage="joint",
    step=8,
    is_floor=False,
    aus=(1, 12, 5),
    paths=(DIRECT,),
    always_active=TRIVIAL,
    landmark_error=5.234,
)
REPORT = Report((MODEL,))

# In percent with one decimal. The mean is over the AUs that have a value.
CELLS = [
    ["%", "AU01", "AU12", "AU05", "mean"],
    ["F1", "50.0", "0.0", "-", "25.0"],
    ["accuracy", "81.2", "100.0", "-", "90.6"],
    ["AP", "60.0", "-", "-", "60.0"],
    ["AUC", "75.0", "-", "-", "75.0"],
    ["always active: F1", "40.0", "0.0", "-", "20.0"],
    ["always active: accuracy", "81.2", "100.0", "-", "90.6"],
    ["always active: AP", "60.0", "-", "-", "60.0"],
    ["always active: AUC", "75.0", "-", "-", "75.0"],
    ["images", "40", "12", "0", ""],
    ["positives", "10", "0", "0", ""],
]
NOTE = (
    "target: wild, split test, 40 images; checkpoint of stage joint, step 8, best on"
    " validation of the target"
)
TITLE = "target (wild), direct path: AU(E_f(I))"


def test_the_table_of_a_path():
    assert report.path_cells(MODEL, DIRECT) == CELLS
    assert report.note_lines(REPORT) == [NOTE]
    assert report.title(MODEL, DIRECT) == TITLE
    without_encoder = dataclasses.replace(MODEL, stage="gradient_patches")
    assert report.title(without_encoder, DIRECT) == "target (wild), direct path"


def test_the_path_that_answers_is_named():
    model = dataclasses.replace(MODEL, answering="direct")
    assert report.note_lines(Report((model,))) == [
        NOTE,
        "target: the direct path answers: it chose the checkpoint, and export and"
        " predict take it",
    ]


def test_the_summary_fits_a_narrow_terminal():
    both = (DIRECT, PathScores("reconstructed", SCORES))
    target = dataclasses.replace(MODEL, paths=both)
    source = dataclasses.replace(MODEL, domain="source")
    screen = io.StringIO()
    tables.print_report(Report((source, target)), Console(file=screen, width=80))
    summary = screen.getvalue().split("Summary")[1].splitlines()
    assert max(map(len, summary)) <= 80
    assert any("reconstructed" in line for line in summary)
    numbers = [line.split()[-4:] for line in summary]
    assert numbers.count(["25.0", "90.6", "60.0", "75.0"]) == 2


def test_a_narrow_terminal_wraps_names_and_cuts_nothing():
    longest = dataclasses.replace(MODEL, stage="gradient_patches", domain="source")
    screen = io.StringIO()
    target = dataclasses.replace(longest, domain="target")
    tables.print_report(Report((longest, target)), Console(file=screen, width=80))
    summary = screen.getvalue().split("Summary")[1]
    assert "…" not in summary
    assert summary.split().count("accuracy") == 2


def test_the_floor_is_named_as_such():
    floor = dataclasses.replace(MODEL, stage="supervised", is_floor=True)
    title = "target (wild), supervised (the floor): AU(E_f(I))"
    assert report.title(floor, DIRECT) == title


def test_a_calibrated_path_shows_both_thresholds():
    calibrated = dataclasses.replace(SCORES, f1=np.array([0.75, 0.25, NAN]))
    thresholds = Thresholds("val", "joint", 8, "direct", (0.25, 0.123, 0.5))
    path = PathScores("direct", SCORES, calibrated, thresholds)
    assert report.path_cells(MODEL, path) == [
        *CELLS[:5],
        ["threshold", "25.0", "12.3", "50.0", ""],
        ["F1 at threshold", "75.0", "25.0", "-", "50.0"],
        ["accuracy at threshold", "81.2", "100.0", "-", "90.6"],
        *CELLS[5:],
    ]
    model = dataclasses.replace(MODEL, paths=(path,))
    assert report.note_lines(Report((model,))) == [
        NOTE,
        "target: thresholds of the direct path: chosen on val",
    ]
    (section,) = report.to_json(Report((model,)))["sections"]
    assert section["f1"][:2] == [0.5, 0.0]
    assert section["calibrated"]["f1"][:2] == [0.75, 0.25]
    assert section["calibrated"]["thresholds"] == [0.25, 0.123, 0.5]


def test_the_terminal_shows_every_cell():
    screen = io.StringIO()
    tables.print_report(REPORT, Console(file=screen, width=120))
    text = screen.getvalue()
    path, summary = text.split("Summary")
    assert path.splitlines()[0] == NOTE
    assert TITLE in path.splitlines()[1]
    cells = [
        [cell.strip() for cell in line.replace("┃", "│").split("│")[1:-1]]
        for line in path.splitlines()
        if line[:1] in "│┃"
    ]
    assert cells == CELLS
    assert path.splitlines()[-1] == "landmark error, target: 5.23 % of the eye distance"
    assert "joint, direct" in summary


def test_markdown_has_a_table_per_path_and_a_summary():
    lines = tables.to_markdown(REPORT).splitlines()
    start, end = lines.index(f"## {TITLE}"), lines.index("## Landmarks")
    rows = [line for line in lines[start:end] if line.startswith("|")]
    cells = [[cell.strip() for cell in row[1:-1].split("|")] for row in rows]
    assert cells[1] == ["---", "---:", "---:", "---:", "---:"]
    assert [cells[0], *cells[2:]] == CELLS
    assert f"- {NOTE}" in lines
    assert "- landmark error, target: 5.23 % of the eye distance" in lines
    assert lines[-1] == "| joint, direct | 25.0 | 90.6 | 60.0 | 75.0 |"


def test_json_has_null_where_there_is_no_value():
    text = json.dumps(report.to_json(REPORT), allow_nan=False)
    content = json.loads(text)
    (section,) = content["sections"]
    assert section["aus"] == [1, 12, 5]
    assert section["f1"] == [0.5, 0.0, None]
    assert section["auc"] == [0.75, None, None]
    assert section["mean"]["accuracy"] == (0.8124 + 1) / 2
    assert section["images"] == [40, 12, 0]
    assert section["always_active"]["f1"] == [0.4, 0.0, None]
    assert content["landmark_error_percent"] == {"target": 5.234}
    accuracy = (0.8124 + 1) / 2
    others = {"accuracy": accuracy, "average_precision": 0.6, "auc": 0.75}
    assert content["summary"] == [
        {
            "name": "always active",
            "target": {"f1": 0.2, **others},
        },
        {
            "name": "joint, direct",
            "target": {"f1": 0.25, **others},
        },
    ]


def test_a_model_without_aus_or_landmarks_has_no_table_of_them():
    model = dataclasses.replace(MODEL, paths=(), landmark_error=None)
    assert report.to_json(Report((model,)))["sections"] == []
    text = tables.to_markdown(Report((model,)))
    assert "##" not in text.split("## Summary")[0]
    assert "landmark" not in text


def test_the_summary_is_ordered_for_reading():
    """The trivial answer, the floor, the model; empty cells where nothing is known."""
    floor = dataclasses.replace(MODEL, stage="supervised", is_floor=True)
    source = dataclasses.replace(floor, domain="source")
    both = dataclasses.replace(
        MODEL, paths=(PathScores("reconstructed", SCORES), DIRECT)
    )
    result = Report((source, both, floor))
    assert list(result.summary()) == [
        None,
        Answer("supervised", "direct"),
        Answer("joint", "direct"),
        Answer("joint", "reconstructed"),
    ]
    rows = report.summary_cells(result)
    assert rows[0][1:] == [
        f"{domain} {metric}"
        for domain in ("source", "target")
        for metric in ("F1", "accuracy", "AP", "AUC")
    ]
    means = ["25.0", "90.6", "60.0", "75.0"]
    assert rows[2] == ["supervised, direct", *means, *means]
    assert rows[3] == ["joint, direct", *[""] * 4, *means]


def test_classical_detectors_stand_between_the_trivial_answer_and_the_models():
    baselines = tuple(
        BaselineScores(name, domain, SCORES, 1440)
        for name in NAMES
        for domain in ("source", "target")
    )
    with_baselines = Report((MODEL,), baselines)
    rows = report.summary_cells(with_baselines)[1:]
    names = ["always active", *NAMES, "joint, direct"]
    assert [row[0] for row in rows] == names
    assert rows[1][1:] == ["25.0", "90.6", "60.0", "75.0"]  # the model has no source
    notes = report.note_lines(with_baselines)[1:]
    assert len(notes) == len(NAMES)
    assert notes[0].startswith("landmarks alone: regressions trained on 1440 images")
    entries = report.to_json(with_baselines)["baselines"]
    assert [entry["name"] for entry in entries] == [n for n in NAMES for _ in range(2)]
    assert entries[0]["mean"]["auc"] == 0.75


def test_many_aus_fit_a_terminal():
    """Expected: no cell is cut, and each AU has a row with its own numbers."""
    aus = tuple(range(1, 16))
    many = AuScores(**{k: np.tile(v, 5) for k, v in dataclasses.asdict(SCORES).items()})
    model = dataclasses.replace(
        MODEL,
        aus=aus,
        paths=(PathScores("direct", many),),
        always_active=many,
    )
    text = io.StringIO()
    tables.print_report(Report((model,)), Console(file=text, width=80))
    lines = text.getvalue().splitlines()
    assert not any("…" in line for line in lines)
    (row,) = [line.split() for line in lines if line.startswith("AU04")]
    assert row[1:5] == ["50.0", "81.2", "60.0", "75.0"]
    assert sum(line.startswith("AU") for line in lines) == 15
