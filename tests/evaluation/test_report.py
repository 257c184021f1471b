"""The three forms of an evaluation, from scores written down by hand."""

import dataclasses
import io
import json

import numpy as np
from rich.console import Console

from au_jax.evaluation import report, report_json
from au_jax.evaluation.metrics import AuScores

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
SECTION = report.Section("target (wild), direct path", (1, 12, 5), SCORES, TRIVIAL)
REPORT = report.Report(("source: lab, 40 images",), (SECTION,), {"target": 5.234})

# Percent with one decimal; the mean is over the AUs that have a value.
ROWS = [
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


def test_rows():
    assert report.rows(SECTION) == ROWS


def test_a_calibrated_model_shows_both_thresholds():
    calibrated = dataclasses.replace(SCORES, f1=np.array([0.75, 0.25, NAN]))
    limits = (0.25, 0.123, 0.5)
    section = dataclasses.replace(SECTION, calibrated=calibrated, thresholds=limits)
    assert report.rows(section) == [
        *ROWS[:5],
        ["threshold", "25.0", "12.3", "50.0", ""],
        ["F1 at threshold", "75.0", "25.0", "-", "50.0"],
        ["accuracy at threshold", "81.2", "100.0", "-", "90.6"],
        *ROWS[5:],
    ]
    shown = dataclasses.replace(REPORT, sections=(section,))
    (found,) = report_json.to_json(shown)["sections"]
    assert found["f1"][:2] == [0.5, 0.0]
    assert found["calibrated"]["f1"][:2] == [0.75, 0.25]
    assert found["calibrated"]["thresholds"] == [0.25, 0.123, 0.5]


def test_terminal_shows_every_cell():
    screen = io.StringIO()
    report.print_report(REPORT, Console(file=screen, width=100))
    lines = screen.getvalue().splitlines()
    assert lines[0] == "source: lab, 40 images"
    assert "target (wild), direct path" in lines[1]
    shown = [
        [cell.strip() for cell in line.replace("┃", "│").split("│")[1:-1]]
        for line in lines
        if line[:1] in "│┃"
    ]
    assert shown == ROWS
    assert lines[-1] == "landmark error, target: 5.23 % of the eye distance"


def test_markdown_is_a_table():
    lines = report.to_markdown(REPORT).splitlines()
    assert "## target (wild), direct path" in lines
    table = [line for line in lines if line.startswith("|")]
    cells = [[cell.strip() for cell in line[1:-1].split("|")] for line in table]
    assert cells[1] == ["---", "---:", "---:", "---:", "---:"]
    assert [cells[0], *cells[2:]] == ROWS
    assert "- source: lab, 40 images" in lines
    assert "- landmark error, target: 5.23 % of the eye distance" in lines


def test_json_has_null_where_there_is_no_value():
    text = json.dumps(report_json.to_json(REPORT), allow_nan=False)
    found = json.loads(text)
    (section,) = found["sections"]
    assert section["aus"] == [1, 12, 5]
    assert section["f1"] == [0.5, 0.0, None]
    assert section["auc"] == [0.75, None, None]
    assert section["mean"]["accuracy"] == (0.8124 + 1) / 2
    assert section["images"] == [40, 12, 0]
    assert section["always_active"]["f1"] == [0.4, 0.0, None]
    assert found["landmark_error_percent"] == {"target": 5.234}


def test_a_report_without_aus_or_landmarks():
    """A landmark stage has no AU table, a model without landmarks no error."""
    empty = report.Report(("note",), (), {})
    assert report.to_markdown(empty) == "# Evaluation\n- note\n"
    assert report_json.to_json(empty)["sections"] == []


def test_the_summary_leaves_out_what_was_not_asked():
    means = {"f1": 0.5, "average_precision": 0.25, "auc": NAN}
    lines = (
        report.Line("floor", {"source": means, "target": means}),
        report.Line("joint", {"target": means}),
    )
    rows = report.summary_rows(dataclasses.replace(REPORT, summary=lines))
    assert rows[0][1:] == [
        f"{domain} {metric}"
        for domain in ("source", "target")
        for metric in ("F1", "AP", "AUC")
    ]
    assert rows[1] == ["floor", *["50.0", "25.0", "-"] * 2]
    assert rows[2] == ["joint", "", "", "", "50.0", "25.0", "-"]
