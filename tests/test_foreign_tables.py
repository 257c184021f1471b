"""Tables that other people and tools write. Expected: values, or one line.

The reader of each has tests of its own. tests/raw/test_table_faults.py has the label
files of the data sets.
"""

from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from au_jax.comparison import external
from au_jax.data.split import FaceSplit, Records
from au_jax.evaluation import groups, intensity
from au_jax.prediction import baseline
from au_jax.raw import bp4d_intensities, subject_file
from tests.mistakes import attempt

AUS = (1, 12)


class Split(FaceSplit):
    """A split of three pictures of three people, without records."""

    def record(self, index):
        return {"path": f"{index}.jpg".encode(), "subject": f"P{index}".encode()}

    def path(self, index):
        return f"{index}.jpg"


SPLIT = Split((Records(Path("absent"), "test", AUS, 3),), AUS)


def read_subjects(file: Path) -> None:
    for path, subject in subject_file.read(file).subject_of.items():
        assert path
        assert subject


def read_bp4d_intensities(file: Path) -> None:
    """Read a file whose faults are reasons, and never end the run."""
    read = bp4d_intensities.read_intensities
    found, message = attempt(read, file.parent, {12: PurePosixPath(file.name)})
    assert not message
    frames, rejects = found
    assert all(0 < frame < 2**31 for frame in frames)
    assert all(0 <= strength <= 5 for of in frames.values() for strength in of.values())
    for reject in rejects:
        assert reject.path == file.name
        assert reject.detail
        assert "\n" not in reject.detail


def read_answers(file: Path) -> None:
    table = external.read("tool", file)
    for p in table.by_path.values():
        assert p.shape == (len(table.aus),)
        assert ((p >= 0) & (p <= 1) | np.isnan(p)).all()


def read_groups(file: Path) -> None:
    found, people = groups.read_groups(file, "skin", SPLIT)
    assert len(found) == len(people) == 3


def read_intensities(file: Path) -> None:
    values = intensity.read_table(file, SPLIT)
    assert values.shape == (3, len(AUS))
    assert ((values >= 0) & (values <= 5) | np.isnan(values)).all()


def read_baseline(file: Path) -> None:
    baseline.check(baseline.Baseline(str(file), file=file), [], AUS)


READERS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "subjects": (read_subjects, "path,subject\n0.jpg,P0\n1.jpg,P1\n"),
    "bp4d intensities": (read_bp4d_intensities, "1,0\n2,5\n3,9\n"),
    "answers": (
        read_answers,
        "file,confidence,AU01_c,AU01_r,AU12\n0.jpg,.9,1,2.5,.3\n1.jpg,,0,0,\n",
    ),
    "groups": (read_groups, "path,skin\n0.jpg,dark\n1.jpg,light\n"),
    "intensities": (read_intensities, "path,AU01,AU12\n0.jpg,0.5,1\n1.jpg,,0\n"),
    "baseline": (read_baseline, "status,AU01,AU12\nok,.5,.25\nno_face,,\n"),
}

NAMES = st.sampled_from(
    [
        *("path", "subject", "file", "skin", "status", "confidence", "AU01", "AU12"),
        *("AU1", "AU12_c", "AU01_r", '"AU\n12"', "AU" + "1" * 5000),
    ]
)
CELLS = st.sampled_from(
    [
        *("0.jpg", "1.jpg", "P0", "dark", "ok", "0", "5", "9", ".5", "-1", "1e400"),
        *("nan", "inf", "", '"', '"a\nb"', '"a\rb"', "\0", "٣", "/", "7" * 5000),
    ]
)
DAMAGE = st.tuples(st.floats(0, 1), st.integers(0, 4), CELLS | NAMES)


@st.composite
def tables(draw: st.DrawFn, right: str) -> bytes:
    """Draw any bytes, a table of likely cells, or the right table with damages."""
    kind = draw(st.sampled_from(["bytes", "cells", "damages", "damages"]))
    if kind == "bytes":
        return draw(st.binary(max_size=200))
    if kind == "cells":
        own = right.split("\n")[0].split(",")
        header = draw(st.permutations(own)) + draw(st.lists(NAMES, max_size=1))
        row = st.lists(CELLS, min_size=len(header), max_size=len(header))
        lines = [header, *draw(st.lists(row, max_size=4))]
        separator = draw(st.sampled_from(",;\t"))
        text = "\n".join(map(separator.join, lines))
    else:
        text = right
        for share, length, new in draw(st.lists(DAMAGE, min_size=1, max_size=3)):
            at = round(share * len(text))
            text = text[:at] + new + text[at + length :]
    return text.encode(draw(st.sampled_from(["utf-8", "utf-8", "utf-16", "utf-16-le"])))


@pytest.mark.parametrize("name", READERS)
def test_the_right_table_is_read(tmp_path, name):
    read, right = READERS[name]
    file = tmp_path / "table.csv"
    file.write_text(right)
    assert not attempt(read, file)[1]


@pytest.mark.parametrize("name", READERS)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_any_content_gives_values_or_one_line_with_the_file(tmp_path, name, data):
    read, right = READERS[name]
    file = tmp_path / "table.csv"
    file.write_bytes(data.draw(tables(right)))
    _, message = attempt(read, file)
    assert not message or str(file) in message
