"""Read tables of text as people and spreadsheets save them.

Cells are separated by commas, semicolons or tabs. The text is UTF-8, with or without a
byte-order mark, or UTF-16 with one; any line end will do. Blank lines above the header
do not count, nor does the line `sep=;` that Excel reads.
"""

import csv
import dataclasses
import io
import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from au_jax.errors import UserError, printable
from au_jax.runtime.files import open_regular

MAX_BYTES = 1 << 30
"""The largest table that is read."""
# An unclosed quote makes one cell of many lines. Up to this size that is a bad row.
csv.field_size_limit(1 << 24)
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_NO_HEADER = re.compile(r"\s*(sep=.)?\s*", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class NamedRows:
    """The rows of a table whose header names the columns."""

    columns: tuple[str, ...]
    rows: tuple[tuple[int, dict[str, str]], ...]
    """Of each row its line, counted from 1, and column -> cell without outer blanks."""


def open_table(file: Path) -> io.TextIOWrapper:
    """Open a table as text; bytes that are not in its encoding are replaced.

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
    """Yield the number and the cells of every line, from the header on.

    The separator is the one that gives the header the most cells.

    Raises:
        ValueError: the file is not text.
        OSError: it cannot be read.
        UserError: a cell is too large.
    """
    with open_table(file) as stream:
        above, first = 0, stream.readline()
        while first and _NO_HEADER.fullmatch(first):
            above, first = above + 1, stream.readline()
        count = lambda separator: len(
            next(csv.reader([first], delimiter=separator), [])
        )
        text = itertools.chain([first] if first else [], stream)
        lines = csv.reader([])  # `count` can fail, too, before there is a line
        try:
            lines = csv.reader(text, delimiter=max(",;\t", key=count))
            for cells in lines:
                yield above + lines.line_num, cells
        except csv.Error as error:
            at = f"{file} line {above + max(1, lines.line_num)}"
            raise UserError(f"{at}: {error}; is a quote not closed?") from None


def read_named(file: Path) -> NamedRows:
    """Read a table by the names in its header, without blank lines.

    Raises:
        OSError: it cannot be read; `strerror` says why.
        UserError: it is not text, or names a column twice, or a row has fewer or more
            cells than the header.
    """
    try:
        lines = [(at, [c.strip() for c in cells]) for at, cells in rows(file)]
    except ValueError as error:
        raise UserError(f"{file}: {error}") from None
    header = lines[0][1] if lines else []
    if twice := sorted({name for name in header if name and header.count(name) > 1}):
        raise UserError(
            f"{file}: its header has the column {printable(twice[0])} twice"
        )
    named = []
    width = len(header)
    for at, cells in lines[1:]:
        if not any(cells):
            continue
        if not any(cells[width:]):  # spreadsheets write blank cells beyond the header
            cells = cells[:width]
        if len(cells) != width:
            raise UserError(
                f"{file}, line {at}: {len(cells)} cells, but the header names"
                f" {width} columns"
            )
        named.append((at, dict(zip(header, cells, strict=True))))
    return NamedRows(tuple(header), tuple(named))


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
    except (ValueError, UserError) as error:
        return str(error)
    return ""
