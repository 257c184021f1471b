"""Expected: nothing shows another table; files of others stay."""

import pytest

from au_jax.prediction import derived, openface, rows
from au_jax.prediction.inputs import MADE_FROM, OVERLAY, Source
from au_jax.prediction.resume import REPORT
from au_jax.prediction.views import overlay
from tests.raw_trees import write_picture

ALL = [rows.PARQUET, rows.OPENFACE, REPORT, OVERLAY]


@pytest.fixture
def out(tmp_path):
    """Return a folder with all results of a table, and a file of somebody else."""
    write_picture(tmp_path / "a.png")
    table = tmp_path / "out" / "aus.csv"
    table.parent.mkdir()
    line = [str(tmp_path / "a.png"), "0", "0.0", "", "no_face"]
    line += [""] * (len(rows.columns([1])) - len(line))
    table.write_bytes(rows.to_text([rows.columns([1]), line]))
    assert derived.renew(table, table.parent, ALL) == []
    openface.write(table, table.parent / rows.OPENFACE, [1])
    source = Source(str(tmp_path / "a.png"), "image")
    overlay.write(table, table.parent / OVERLAY, [source], [1], lambda: None)
    for name in (rows.PARQUET, REPORT, *OTHERS):
        (table.parent / name).write_text("made")
    return table.parent


def files(folder):
    found = (p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
    return {str(path) for path in found} - {"aus.csv", derived.RECORD}


MADE = {rows.PARQUET, REPORT, "openface/a.csv", f"{OVERLAY}/0000_a.jpg"}
MADE |= {f"{OVERLAY}/{MADE_FROM}"}
OTHERS = {"openface/mine.csv", f"{OVERLAY}/2024_holiday.mp4"}


def test_results_of_the_same_table_stay(out):
    assert files(out) == MADE | OTHERS
    assert derived.renew(out / "aus.csv", out, []) == []
    assert files(out) == MADE | OTHERS


@pytest.mark.parametrize("wanted", [[], [REPORT]])
def test_results_of_another_table_go(out, wanted):
    (out / "aus_baseline.csv").write_text((out / "aus.csv").read_text() + "\n")
    removed = derived.renew(out / "aus_baseline.csv", out, wanted)
    assert {*removed} == {*ALL} - {*wanted}
    assert files(out) == OTHERS | {"aus_baseline.csv"}
    assert derived.renew(out / "aus.csv", out, []) == []  # there is nothing left


def test_what_nobody_recorded_stays(out):
    (out / derived.RECORD).write_text("[]")
    (out / "aus.csv").write_text((out / "aus.csv").read_text() + "\n")
    assert derived.renew(out / "aus.csv", out, []) == [OVERLAY]
    assert files(out) == {rows.PARQUET, REPORT, "openface/a.csv"} | OTHERS
