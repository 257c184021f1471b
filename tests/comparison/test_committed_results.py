"""docs/results: the committed tables are those of the committed numbers."""

import pytest

from au_jax.comparison import tables
from tests.programs import ROOT

FOLDERS = sorted(path.parent for path in (ROOT / "docs/results").glob("*/compare.json"))


def test_there_are_results():
    assert FOLDERS


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_tables_are_made_from_the_numbers(folder):
    summary = tables.read_summary(folder / "compare.json")
    assert (folder / "compare.md").read_text() == tables.to_markdown(summary)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_stand_ins_do_not_stand_beside_published_numbers(folder):
    assert "published" not in (folder / "compare.md").read_text().lower()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_numbers_are_small_and_say_what_they_are_of(folder):
    assert (folder / "compare.json").stat().st_size < 1_000_000
    summary = tables.read_summary(folder / "compare.json")
    assert summary["setting"]["note"]
