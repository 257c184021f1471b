"""Read label tables; the header, never the position, names the AU of a column."""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from au_jax.errors import UserError
from au_jax.runtime.files import open_regular

LARGEST_AU = 99
MAX_BYTES = 1 << 30
"""The largest table that is read."""
# An unclosed quote makes one cell of many lines. Up to this size that is a bad row.
csv.field_size_limit(1 << 24)
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_AU = re.compile(r"(?:AU)?\s*_?0*(\d{1,4})", re.IGNORECASE)


def clean(cell: str) -> str:
    """Return a cell without the quotes and blanks that EmotioNet's tables contain."""
    return cell.strip(" \t\r\n'\"")


def number(cell: str) -> str:
    """Return the text of an integer; spreadsheets and pandas write 7 as 7.0."""
    return clean(cell).removesuffix(".0")


def frame_number(cell: str) -> int:
    """Return the number of a frame.

    Raises:
        ValueError: the cell is no whole number from 0 to 2^31 - 1.
    """
    text = number(cell)
    if not re.fullmatch(r"[0-9]{1,10}", text) or int(text) >= 2**31:
        raise ValueError(f"{text[:40]!r} is no frame number")
    return int(text)


def au_columns(header: Sequence[str]) -> dict[int, int]:
    """Return column -> AU number for the columns named `AU 1`, `AU01` or `1`.

    Raises:
        ValueError: there is no such column, or two for one AU.
    """
    columns: dict[int, int] = {}
    for index, cell in enumerate(header):
        match = _AU.fullmatch(clean(cell))
        if not match or not 0 < int(match[1]) <= LARGEST_AU:
            continue
        au = int(match[1])
        if au in columns.values():
            raise ValueError(f"the header has AU {au} twice")
        columns[index] = au
    if not columns:
        raise ValueError("the header has no AU column")
    return columns


def codes(
    cells: Sequence[str], columns: Mapping[int, int], unknown: Sequence[str]
) -> dict[int, bool]:
    """Return AU number -> active for the AUs that are coded in a row.

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


def open_table(file: Path) -> io.TextIOWrapper:
    """Open a table in UTF-8, or in UTF-16 with a byte-order mark; any line ends.

    Bytes of any other encoding are replaced.

    Raises:
        ValueError: the file is not text.
        OSError: it cannot be read, is no regular file, or is larger than `MAX_BYTES`.
    """
    stream = open_regular(file, MAX_BYTES)
    start = stream.read(4096)
    stream.seek(0)
    encoding = "utf-16" if start.startswith(_UTF16_MARKS) else "utf-8-sig"
    if encoding != "utf-16" and b"\0" in start:
        stream.close()
        raise ValueError("not text, or UTF-16 without its mark; save it as UTF-8")
    return io.TextIOWrapper(stream, encoding, "replace", newline="")


def rows(file: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the cells of every line, the header included.

    Cells are separated by commas, semicolons or tabs: by the one that gives the first
    line the most cells.

    Raises:
        ValueError: the file is not text.
        UserError: a cell is too large.
    """
    with open_table(file) as stream:
        first = stream.readline()
        stream.seek(0)
        count = lambda separator: len(
            next(csv.reader([first], delimiter=separator), [])
        )
        lines = csv.reader(stream, delimiter=max(",;\t", key=count))
        try:
            for cells in lines:
                yield lines.line_num, cells
        except csv.Error as error:
            at = f"{file} line {lines.line_num}"
            raise UserError(f"{at}: {error}; is a quote not closed?") from None


def header_problem(
    file: Path, columns: Callable[[list[str]], Any] = lambda header: None
) -> str:
    """Return what is wrong with the header of a table, or a blank string.

    Args:
        file: The table.
        columns: Raises a ValueError for a wrong header. By default, any text will do.
    """
    try:
        columns(next((cells for _, cells in rows(file)), []))
    except OSError as error:
        return error.strerror or str(error)
    except (ValueError, csv.Error) as error:
        return str(error)
    return ""
