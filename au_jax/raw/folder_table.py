"""Tables of labels for `--dataset=folder`: one row per picture, named by its path.

The header names the columns in any order: `path` (relative to the folder), and
optionally `subject`, `split` (train, val or test), `task`, `frame`, and AUs as `AU1`,
`AU 2` or `AU04`. Codes are 1 and 0; blank, 9, 999 and -1 mean not coded. Cells are
separated by commas, semicolons or tabs.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from au_jax.errors import UserError
from au_jax.raw.label_table import au_columns, clean, codes, frame_number
from au_jax.runtime.csv_file import rows

COLUMNS = ("path", "subject", "split", "task", "frame")
SPLITS = ("train", "val", "test")
_AU = re.compile(r"au[ _]*\d")  # here a bare number does not name an AU
_UNKNOWN = ("999", "9", "-1")


@dataclass(frozen=True)
class Header:
    """The columns of a table."""

    named: Mapping[str, int]
    """Name, one of `COLUMNS`, -> column."""
    aus: Mapping[int, int]
    """Column -> AU number."""
    width: int


@dataclass(frozen=True)
class Entry:
    """A row of the table."""

    where: str
    path: str
    """As PurePosixPath writes it; possibly outside the folder if `problem` is set."""
    subject: str
    split: str
    """Blank if the table has no such column."""
    task: str
    frame: int
    aus: Mapping[int, bool]
    problem: str
    """What is wrong with the row, or blank."""


def read_header(file: Path) -> Header:
    """Read the first line.

    Raises:
        UserError: the file cannot be read, or its header is wrong.
    """
    try:
        cells = next((cells for _, cells in rows(file)), [])
    except (OSError, ValueError) as error:
        problem = error.strerror if isinstance(error, OSError) else ""
        raise UserError(f"{file}: {problem or error}") from None
    names = [clean(cell).lower() for cell in cells]
    if "path" not in names:
        raise UserError(
            f"{file}: its header has no column path (separated by , or ; or tab)"
        )
    twice = [name for name in COLUMNS if names.count(name) > 1]
    if twice:
        raise UserError(f"{file}: its header has the column {twice[0]} twice")
    # Without its subjects, a set would have the same person on both sides of a split.
    for meant in (name for name in COLUMNS if name not in names):
        if near := difflib.get_close_matches(meant, names, n=1, cutoff=0.8):
            raise UserError(
                f"{file}: its column {near[0]!r} would not be read; name it {meant},"
                " or remove it"
            )
    units = [name if _AU.match(name) else "" for name in names]
    try:
        aus = au_columns(units) if any(units) else {}
    except ValueError as error:
        raise UserError(f"{file}: {error}") from None
    for at, unit in enumerate(units):
        if unit and at not in aus:
            raise UserError(
                f"{file}: its column {clean(cells[at])!r} names no AU; name it like"
                " AU12, or remove it"
            )
    named = {name: names.index(name) for name in COLUMNS if name in names}
    return Header(named, aus, len(names))


def entries(file: Path) -> Iterator[Entry]:
    """Yield the rows of the table in order, without blank lines.

    Raises:
        UserError: see `read_header`.
    """
    header = read_header(file)
    lines = rows(file)
    next(lines)
    for at, cells in lines:
        if any(clean(cell) for cell in cells):
            yield _entry(f"{file.name} line {at}", cells, header)


def _entry(where: str, cells: list[str], header: Header) -> Entry:
    def cell(name: str) -> str:
        index = header.named.get(name, len(cells))
        return clean(cells[index]) if index < len(cells) else ""

    path, split = cell("path"), cell("split").lower()
    aus: Mapping[int, bool] = {}
    frame = 0
    problem = path_problem(path)
    if "split" in header.named and split not in SPLITS and not problem:
        problem = f"split {split!r} is not train, val or test"
    try:
        aus = codes(cells, header.aus, _UNKNOWN)
        frame = frame_number(cell("frame") or "0")
    except ValueError as error:
        problem = problem or str(error)
    if len(cells) > header.width and any(clean(c) for c in cells[header.width :]):
        problem = problem or "the row has more cells than the header"
    path = str(PurePosixPath(path.replace("\\", "/"))) if path else ""
    return Entry(where, path, cell("subject"), split, cell("task"), frame, aus, problem)


def path_problem(path: str) -> str:
    """Return why a path in a table must not be followed, or a blank string."""
    if not path:
        return "no path"
    if "://" in path:
        return "an address; only files in the folder are read"
    parts = PurePosixPath(path.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or re.match(r"[A-Za-z]:", path):
        return "the path leaves the folder; give it relative to --raw"
    return ""
