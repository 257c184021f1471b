"""EmotioNet's label files: tables as CSV or XLSX, and lists of URLs.

A table has the columns `URL`, `'AU 1'`, .... The older XLSX with several sheets has no
header: the URL is in column 0 and AU n in column n + 1.
"""

import contextlib
import csv
import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from au_jax.errors import UserError
from au_jax.raw.label_table import (
    LARGEST_AU,
    au_columns,
    clean,
    codes,
)
from au_jax.raw.row import Reject
from au_jax.runtime.csv_file import open_table, rows
from au_jax.runtime.files import open_regular

if TYPE_CHECKING:
    from openpyxl import Workbook

_MAX_ROWS = 1 << 20  # of a sheet, as in spreadsheet programs
_MAX_BYTES = 1 << 29  # of an XLSX file, packed and unpacked

Codes = Mapping[int, bool] | str
"""AU number -> active, or what is wrong with the codes."""


@dataclass(frozen=True)
class Entry:
    """A line of a label file."""

    where: str
    """The file and the line, for messages."""
    url: str
    aus: Codes


@dataclass(frozen=True)
class Table:
    """A CSV file, or a sheet of an XLSX file."""

    file: PurePosixPath
    sheet: str = ""

    def __str__(self) -> str:
        """Return its name for messages."""
        return f"{self.file}, sheet {self.sheet}" if self.sheet else str(self.file)


def tables(raw: Path, file: PurePosixPath) -> tuple[list[Table], list[Reject]]:
    """Return the usable tables of a CSV or XLSX file, and rejects for the others."""
    try:
        candidates = [Table(file, sheet) for sheet in _sheets(raw / file)]
    except (OSError, ValueError) as error:
        return [], [Reject(str(file), "bad_label_file", f"no XLSX file: {error}")]
    usable, rejects = [], []
    for table in candidates:
        try:
            first = next((cells for _, cells in _lines(raw, table)), None)
            if first is None and table.sheet:
                continue  # spreadsheets often have empty sheets
            _columns(first or [])
        except (ValueError, csv.Error, OSError) as error:
            rejects.append(Reject(str(table), "bad_label_file", str(error)))
        else:
            usable.append(table)
    return usable, rejects


def labelled(raw: Path, table: Table) -> Iterator[Entry]:
    """Yield the rows of a table.

    Raises:
        UserError: a spreadsheet is damaged behind its first row.
    """
    try:
        yield from _labelled(_lines(raw, table))
    except ValueError as error:
        raise UserError(f"{raw / table.file}: {error}") from None


def _labelled(lines: Iterator[tuple[str, list[str]]]) -> Iterator[Entry]:
    at, columns, header = 0, {}, True
    for where, cells in lines:
        if not columns:
            at, columns, header = _columns(cells)
            if header:
                continue
        try:
            aus: Codes = codes(cells, columns, unknown=("999", "9"))
        except ValueError as error:
            aus = str(error)
        yield Entry(where, clean(cells[at]) if at < len(cells) else "", aus)


def listed(raw: Path, lists: Iterable[PurePosixPath]) -> Iterator[Entry]:
    """Yield the rows of the unlabelled lists."""
    for file in lists:
        with open_table(raw / file) as stream:
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    where = f"{file} line {number}"
                    yield Entry(where, clean(line.split("\t")[0]), {})


def _columns(first: Sequence[str]) -> tuple[int, dict[int, int], bool]:
    """Return the column of the URL, the AU columns, and whether `first` is a header.

    Raises:
        ValueError: it is neither a header nor begins with a URL.
    """
    names = [clean(cell).lower() for cell in first]
    if "url" in names:
        return names.index("url"), au_columns(first), True
    if names and re.match(r"https?://", names[0]):
        aus = {au + 1: au for au in range(1, min(len(first) - 1, LARGEST_AU + 1))}
        if not aus:
            raise ValueError("no AU column follows the URL")
        return 0, aus, False
    raise ValueError("the header has no column URL")


def _lines(raw: Path, table: Table) -> Iterator[tuple[str, list[str]]]:
    """Yield the lines that are not empty, each with its place for messages."""
    if not table.sheet:
        for number, cells in rows(raw / table.file):
            if any(clean(cell) for cell in cells):
                yield f"{table} line {number}", cells
        return
    with _open(raw / table.file) as book:
        for number, values in enumerate(book[table.sheet].values, start=1):
            if number > _MAX_ROWS:  # empty ones fill the gap before a huge number
                raise ValueError(f"more than {_MAX_ROWS:,} rows")
            cells = ["" if value is None else str(value) for value in values]
            if any(clean(cell) for cell in cells):
                yield f"{table} row {number}", cells


def _sheets(file: Path) -> list[str]:
    """Return the names of the sheets of an XLSX file, or [""] for a CSV file."""
    if file.suffix.lower() == ".csv":
        return [""]
    with _open(file) as book:
        return [sheet.title for sheet in book.worksheets]


@contextlib.contextmanager
def _open(file: Path) -> Iterator["Workbook"]:
    """Open an XLSX file for its stored values; compute nothing, follow no link.

    Raises:
        ValueError: it is damaged, or a small file that unpacks to a huge one.
        OSError: it cannot be read.
    """
    try:
        import openpyxl  # imported here, because rendering needs no spreadsheets
    except ImportError:
        raise UserError(
            f"reading the spreadsheet {file} takes openpyxl: pip install openpyxl"
        ) from None
    with contextlib.ExitStack() as stack:
        stream = stack.enter_context(open_regular(file, _MAX_BYTES))
        try:
            with zipfile.ZipFile(stream) as archive:
                unpacked = sum(member.file_size for member in archive.infolist())
            if unpacked > _MAX_BYTES:
                raise ValueError(f"it unpacks to {unpacked / 1e6:,.0f} MB")
            with warnings.catch_warnings():  # about unknown styles
                warnings.simplefilter("ignore", UserWarning)
                book = openpyxl.load_workbook(
                    stream, read_only=True, data_only=True, keep_links=False
                )
            stack.callback(book.close)
            yield book
        except (OSError, UserError):
            raise
        except Exception as error:  # zipfile, XML and openpyxl raise many types
            text = " ".join(str(error).split())[:150]
            raise ValueError(f"{type(error).__name__}: {text}") from error


def name_of(url: str) -> tuple[str, str]:
    """Return the folder and file name of a picture: the last two parts of its URL."""
    parts = PurePosixPath(url.split("?")[0].split("#")[0])
    return parts.parent.name, parts.name


def number_of(name: str) -> int:
    """Return the number at the end of a name, or 0 if there is none."""
    match = re.search(r"(\d{1,9})$", PurePosixPath(name).stem)
    return int(match[1]) if match else 0
