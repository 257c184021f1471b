"""Known landmarks, `--landmarks_by=FILE`, instead of detected ones.

There is one line per picture: its path, as in the raw set, and 49, 66 or 68 points in
iBUG's order (66 are the 68 without the inner mouth corners). A header names the columns
`path`, `x1`, `y1`, ... (or `x_0`, `y_0`, ...). Without a header, a line is the path and
x y x y ..., separated by commas, semicolons, tabs or blanks.
"""

import csv
import dataclasses
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import get_args

import numpy as np
from jaxtyping import Float32

from au_jax.errors import UserError
from au_jax.faces import align, detect
from au_jax.faces.detect import LandmarksBy
from au_jax.faces.landmarks import FROM_68
from au_jax.raw.label_table import clean
from au_jax.raw.name_store import Names
from au_jax.raw.row import Reject, Row
from au_jax.runtime.files import open_regular

_CHOSEN = {49: np.arange(49), 66: np.arange(17, 66), 68: FROM_68}
_MAX_LINE = 1 << 16  # bytes; 68 points take 2 KB
_FARTHEST = 1e6  # pixels from the corner of a picture
_BREAK = re.compile(r"[,;\s]+")


@dataclass(frozen=True)
class LandmarkFile:
    """The place of each picture's line in a file; the lines stay on disk."""

    file: Path
    base: int
    """The number of the first pixel, 0 or 1."""
    columns: tuple[int, Sequence[int]] | None
    """The columns of the path and of x1, y1, x2, ...; None without a header."""
    separator: str
    offsets: Names
    """Path of a picture -> offset of its line."""
    contradicted: frozenset[str]
    """Pictures that occur several times with different points."""


def landmarks_by(
    text: str | None, base: str | None
) -> LandmarksBy | LandmarkFile | None:
    """Return what the flag --landmarks_by says: a method, or an indexed file.

    Args:
        text: Its value; None returns None.
        base: The value of --landmarks_base, "0" or "1"; None is 0.

    Raises:
        UserError: it is neither, or has no use for `base`; or see `open_landmarks`.
    """
    if text is not None and not detect.is_method(text):
        if not Path(text).exists():
            known = ", ".join(get_args(LandmarksBy))
            raise UserError(
                f"--landmarks_by={text}: give {known}, or a file of landmarks"
            )
        return open_landmarks(Path(text), int(base or 0))
    if base is not None:
        raise UserError("--landmarks_base goes with --landmarks_by=FILE: give both")
    return text


def open_landmarks(file: Path, base: int) -> LandmarkFile:
    """Index the lines of a file.

    Raises:
        UserError: the file cannot be read, or its header cannot be used.
    """
    try:
        with open_regular(file) as stream:
            first = stream.readline(_MAX_LINE)
            if len(first) == _MAX_LINE or b"\r" in first.rstrip(b"\r\n"):
                raise UserError(
                    f"--landmarks_by={file}: its lines do not end in LF; save it as"
                    " text with the line ends of Linux or Windows"
                )
            if b"\0" in first:
                raise UserError(
                    f"--landmarks_by={file}: not text in UTF-8; save it as UTF-8"
                )
            first = first.decode("utf-8-sig", "replace")
            columns, separator = _header(first, file)
            offsets, lines = Names(), Names()
            contradicted = set()
            at = stream.tell() if columns else 0
            stream.seek(at)
            while line := stream.readline(_MAX_LINE):
                path = _split(_text(line), columns, separator)[0]
                if path:
                    if lines.setdefault(path, hash(line.strip())) != hash(line.strip()):
                        contradicted.add(path)
                    offsets.setdefault(path, at)
                at += len(line)
    except OSError as error:
        raise UserError(f"--landmarks_by={file}: {error.strerror or error}") from None
    if not offsets:
        raise UserError(
            f"--landmarks_by={file}: no line like PATH x1 y1 ... with 49, 66 or 68"
            " points"
        )
    both = frozenset(contradicted)
    return LandmarkFile(file, base, columns, separator, offsets, both)


def attach(
    items: Iterable[Row | Reject], known: LandmarkFile, others: bool = True
) -> Iterator[Row | Reject]:
    """Yield the rows with their landmarks; reject rows that the file does not name.

    Args:
        items: The rows and rejects of a set.
        known: The file.
        others: Yield a reject for each picture that only the file names.
    """
    used = Names()
    with open_regular(known.file) as stream:
        for item in items:
            used.add(item.path)
            if isinstance(item, Reject):
                yield item
            elif (at := known.offsets.get(item.path)) is None:
                detail = f"{known.file.name} does not name it"
                yield Reject(item.path, "no_landmarks", detail)
            elif item.path in known.contradicted:
                detail = f"{known.file.name} names it several times, with other numbers"
                yield Reject(item.path, "bad_landmarks", detail)
            else:
                stream.seek(at)
                line = _text(stream.readline(_MAX_LINE))
                yield _with_points(item, line, known)
    for path in known.offsets if others else ():
        if path not in used:
            detail = f"in {known.file.name}, but there is no such picture"
            yield Reject(path, "no_image", detail)


def _with_points(row: Row, line: str, known: LandmarkFile) -> Row | Reject:
    try:
        points = _points(_split(line, known.columns, known.separator)[1], known.base)
    except ValueError as error:
        return Reject(row.path, "bad_landmarks", f"{known.file.name}: {error}")
    return dataclasses.replace(row, landmarks=points.tobytes())


def _points(cells: Sequence[str], base: int) -> Float32[np.ndarray, "49 2"]:
    """Return the landmarks that a line states.

    Raises:
        ValueError: it has another number of points, or they are not those of a face.
    """
    count, odd = divmod(len(cells), 2)
    if odd or count not in _CHOSEN:
        raise ValueError(f"{len(cells) or 'no'} numbers instead of 49, 66 or 68 points")
    points = np.array(cells, np.float64).reshape(-1, 2)[_CHOSEN[count]] - base
    if not (np.abs(points) < _FARTHEST).all():  # nor if one is NaN
        raise ValueError("a point is not in any picture")
    align.alignment_matrix(points)
    return points.astype(np.float32)


def name_in(known: LandmarkFile, path: str) -> str | None:
    """Return the name that the file has for a picture, or None if it has none.

    The file may name it by the whole path, or by the end of it.
    """
    parts = PurePosixPath(path.replace("\\", "/")).parts
    names = (str(PurePosixPath(*parts[i:])) for i in range(len(parts)))
    return next((n for n in names if known.offsets.get(n) is not None), None)


def points_of(known: LandmarkFile, path: str) -> Float32[np.ndarray, "49 2"] | None:
    """Return the landmarks of a picture, or None if the file does not name it.

    Raises:
        UserError: the line has other numbers of points or they are not those of a
            face, or several lines differ.
    """
    if (name := name_in(known, path)) is None:
        return None
    [row] = attach([Row(name, "")], known, others=False)
    if isinstance(row, Reject):
        raise UserError(f"--landmarks_by={known.file}: {name}: {row.detail}")
    return np.frombuffer(row.landmarks, np.float32).reshape(49, 2)


def _text(line: bytes) -> str:
    return line.decode("utf-8-sig", "replace").strip("\r\n")


def _header(line: str, file: Path) -> tuple[tuple[int, list[int]] | None, str]:
    for separator in (",", ";", "\t"):
        cells = next(csv.reader([line], delimiter=separator), [])
        names = [clean(cell).lower() for cell in cells]
        if "path" in names:
            break
    else:
        return None, ""
    column_of: dict[tuple[int, str], int] = {}
    for index, name in enumerate(names):
        match = re.fullmatch(r"([xy])[ _]?(\d+)", name)
        if match:
            key = int(match[2]), match[1]
            if key in column_of:
                raise UserError(f"--landmarks_by={file}: its header has {name} twice")
            column_of[key] = index
    order = sorted(column_of)  # by number: 1 x, 1 y, 2 x, ...
    pairs = [number for number, axis in order if axis == "x"]
    complete = [(n, axis) for n in range(*_span(pairs)) for axis in "xy"]
    if len(pairs) not in _CHOSEN or order != complete:
        raise UserError(
            f"--landmarks_by={file}: its header must name path and x1, y1, ... of 49,"
            " 66 or 68 points"
        )
    return (names.index("path"), [column_of[key] for key in order]), separator


def _span(numbers: Sequence[int]) -> tuple[int, int]:
    return (numbers[0], numbers[-1] + 1) if numbers else (0, 0)


def _split(
    line: str, columns: tuple[int, Sequence[int]] | None, separator: str
) -> tuple[str, list[str]]:
    """Return the path and the numbers of a line; the path is "" if there is none."""
    if columns:
        cells = next(csv.reader([line], delimiter=separator), [])
        at, points = columns
        if at >= len(cells):
            return "", []
        numbers = [cells[i] if i < len(cells) else "" for i in points]
        return _path(cells[at]), numbers
    words = _BREAK.split(line.strip())
    count = 0
    while count < len(words) and _is_number(words[-1 - count]):
        count += 1
    count = next((2 * n for n in (68, 66, 49) if count >= 2 * n), count)
    numbers = words[len(words) - count :]
    # The path may contain blanks, so cut the numbers off the end of the line.
    rest = re.sub(rf"(?:[,;\s]+[^,;\s]+){{{count}}}\s*$", "", line)
    return _path(rest), numbers


def _path(cell: str) -> str:
    path = clean(cell)
    return str(PurePosixPath(path.replace("\\", "/"))) if path else ""


def _is_number(word: str) -> bool:
    return (
        re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?|nan", word, re.I) is not None
    )
