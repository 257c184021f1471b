"""Expected: arithmetic by hand, and the lines of a terminal and of a log file."""

import io
import logging

import numpy as np
import pytest
from rich.console import Console

from au_jax.training import progress
from au_jax.training.term_log import TermLog
from au_jax.workdir.metrics_log import MetricsLog, read_metrics


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (89.0, "89 s"),
        (90.0, "2 min"),
        (60.0 * 100, "1 h 40 min"),
        (3600.0 * 53, "2 d 05 h"),
    ],
)
def test_durations_for_people(seconds: float, text: str):
    assert progress.duration(seconds) == text


@pytest.mark.parametrize(("width", "rows"), [(80, 2), (160, 1), (20, 4)])
def test_narrow_terminals_cut_no_term(width: int, rows: int):
    terms = {f"{'x' * 20}{i}": "0.1234" for i in range(4)}
    table = progress.terms_table(terms, width)
    assert table.row_count == rows
    if width > 20:
        text = io.StringIO()
        Console(file=text, width=width).print(table)
        assert text.getvalue().count("0.1234") == 4


def test_speed_counts_images_and_the_time_left():
    shown = progress.StageProgress("joint", 0, 100, images_per_step=32)
    assert shown.speed(40, 0.5) == "0.5 steps/s, 16 images/s, 2 min left"


def test_a_log_file_gets_one_line_with_the_total_first(caplog):
    shown = progress.StageProgress("joint", 0, 100, images_per_step=32)
    with caplog.at_level(logging.INFO, "au_jax"), shown.shown():
        shown.report(40, {"total": 3.14159, "au": 0.5, "gradient_norm/x": 9.0}, 2.0)
    (record,) = caplog.records
    assert record.getMessage() == (
        "joint 40/100 40%  total 3.142  au 0.5  (2 steps/s, 64 images/s, 30 s left)"
    )


def test_reports_are_means_of_the_steps_between_them(tmp_path):
    metrics = MetricsLog(tmp_path, "joint")

    def log(notes):
        shown = progress.StageProgress("joint", 0, 5, images_per_step=1)
        rates = {"task": lambda step: 10.0 + step}
        return TermLog(
            metrics,
            shown,
            rates,
            every=2,
            num_steps=5,
            on_nonfinite="stop",
            paths=lambda step: [],
            notes=notes,
        )

    first = log({})
    for step in (1, 2, 3):
        first.add(step, {"au": np.ones(()), "total": np.asarray(step)})
    first.flush()
    # Another program resumes from a checkpoint after step 3.
    second = log(first.notes())
    for step in (4, 5):
        second.add(step, {"au": np.ones(()), "total": np.asarray(step)})
    second.flush()
    metrics.close()
    actual = [
        (line["step"], line["total"], line["learning_rate/task"])
        for line in read_metrics(tmp_path)
    ]
    assert actual == [(2, 1.5, 11.0), (4, 3.5, 13.0), (5, 5.0, 14.0)]
