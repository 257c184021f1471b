"""Read label tables; the header, never the position, names the AU of a column."""

import re
from collections.abc import Mapping, Sequence

LARGEST_AU = 99
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
