"""Label tables: which column is which AU, by the header and never by the position."""

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

LARGEST_AU = 99
# A quote that nobody closed makes one cell of many lines: a bad row, not a csv.Error.
csv.field_size_limit(2**31 - 1)
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_AU = re.compile(r"(?:AU)?\s*_?0*(\d+)", re.IGNORECASE)


def clean(cell: str) -> str:
    """A cell without the quotes and blanks that EmotioNet's tables carry inside."""
    return cell.strip(" \t\r\n'\"")


def number(cell: str) -> str:
    """A whole number, cleaned: spreadsheets and pandas write 7 as 7.0."""
    return clean(cell).removesuffix(".0")


def au_columns(header: Sequence[str]) -> dict[int, int]:
    """Column index -> AU number for the columns named `AU 1`, `AU01` or `1`.

    Raises:
        ValueError: no such column, or two for one AU.
    """
    columns: dict[int, int] = {}
    for index, cell in enumerate(header):
        match = _AU.fullmatch(clean(cell))
        if not match or not 0 < int(match[1]) <= LARGEST_AU:
            continue
        au = int(match[1])
        if au in columns.values():
            raise ValueError(f"the header names AU {au} twice")
        columns[index] = au
    if not columns:
        raise ValueError("the header names no AU column")
    return columns


def codes(
    cells: Sequence[str], columns: Mapping[int, int], unknown: Sequence[str]
) -> dict[int, bool]:
    """AU number -> active, for the AUs that are coded in this row.

    Raises:
        ValueError: a cell is missing, or neither 0, 1, blank nor one of `unknown`.
    """
    row: dict[int, bool] = {}
    for index, au in columns.items():
        if index >= len(cells):
            raise ValueError(f"the row ends before the column of AU {au}")
        cell = number(cells[index])
        if cell in ("0", "1"):
            row[au] = cell == "1"
        elif cell and cell not in unknown:
            raise ValueError(f"code {cell!r} of AU {au} is not 0, 1 or {unknown[0]}")
    return row


def open_table(file: Path) -> TextIO:
    """Opens a table: UTF-8, or UTF-16 with its byte-order mark; any line ends.

    Letters of some other encoding do not stop it; they are replaced.

    Raises:
        ValueError: the file is not text.
    """
    with file.open("rb") as stream:
        start = stream.read(4096)
    encoding = "utf-16" if start.startswith(_UTF16_MARKS) else "utf-8-sig"
    if encoding != "utf-16" and b"\0" in start:
        raise ValueError("no text, or UTF-16 without its mark; save it as UTF-8")
    return file.open(newline="", encoding=encoding, errors="replace")


def rows(file: Path) -> Iterator[tuple[int, list[str]]]:
    """The number and the cells of every line, the header too.

    Cells are separated by commas, semicolons or tabs: by what gives the first line the
    most of them.

    Raises:
        ValueError: the file is not text.
    """
    with open_table(file) as stream:
        first = stream.readline()
        stream.seek(0)
        count = lambda separator: len(
            next(csv.reader([first], delimiter=separator), [])
        )
        lines = csv.reader(stream, delimiter=max(",;\t", key=count))
        for cells in lines:
            yield lines.line_num, cells


def header_problem(
    file: Path, columns: Callable[[list[str]], Any] = lambda header: None
) -> str:
    """What is wrong with a table's header, by a function that raises a ValueError.

    Without one, whether the file can be read as text.
    """
    try:
        columns(next((cells for _, cells in rows(file)), []))
    except OSError as error:
        return error.strerror or str(error)
    except (ValueError, csv.Error) as error:
        return str(error)
    return ""
