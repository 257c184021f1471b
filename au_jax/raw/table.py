"""Label tables: which column is which AU, by the header and never by the position."""

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

LARGEST_AU = 99
# A quote that nobody closed makes one cell of many lines: a bad row, not a csv.Error.
csv.field_size_limit(2**31 - 1)
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
    """Opens a table for `csv.reader`; bytes that are no text do not stop it."""
    return file.open(newline="", encoding="utf-8-sig", errors="replace")


def header_problem(file: Path, columns: Callable[[list[str]], Any]) -> str:
    """What is wrong with a table's header, by a function that raises a ValueError."""
    try:
        with open_table(file) as stream:
            columns(next(csv.reader(stream), []))
    except OSError as error:
        return error.strerror or str(error)
    except (ValueError, csv.Error) as error:
        return str(error)
    return ""
