"""Who is seen in which picture, `--subjects=FILE`, for sets that do not say so.

EmotioNet, for one, names no people. With them, intervals resample people instead of
images, and the check finds people in two splits.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from au_jax.errors import UserError, printable
from au_jax.raw.row import Reject, Row
from au_jax.runtime import csv_file


@dataclasses.dataclass(frozen=True)
class SubjectFile:
    """A table of subjects."""

    file: Path
    subject_of: Mapping[str, str]
    """Path of a picture, as in the raw set -> its subject."""


def read(file: Path) -> SubjectFile:
    """Read a table with the columns `path` and `subject`.

    Raises:
        UserError: it cannot be read, has no such columns, leaves a cell empty, or names
            two subjects for one picture.
    """
    try:
        table = csv_file.read_named(file)
    except OSError as error:
        raise UserError(f"--subjects={file}: {error.strerror or error}") from None
    if absent := {"path", "subject"} - set(table.columns):
        raise UserError(
            f"--subjects={file}: no column {min(absent)} in its header; give a table"
            " with the columns path and subject"
        )
    subject_of: dict[str, str] = {}
    for at, row in table.rows:
        path, subject = row["path"], row["subject"]
        if not path or not subject:
            raise UserError(f"--subjects={file}, line {at}: path or subject is empty")
        if subject_of.setdefault(path, subject) != subject:
            raise UserError(
                f"--subjects={file}, line {at}: {printable(path)} is"
                f" {printable(subject)} here, and {printable(subject_of[path])} above"
            )
    return SubjectFile(file, subject_of)


def attach(items: Iterable[Row | Reject], known: SubjectFile) -> Iterator[Row | Reject]:
    """Yield the rows with their subjects; a row that the file does not name has none.

    Raises:
        UserError: the set itself states a subject; or, at the end, the file has named
            none of its pictures.
    """
    first, used = "", False
    for item in items:
        if isinstance(item, Row):
            if item.subject:
                raise UserError(
                    f"--subjects={known.file}: the set itself says that {item.path} is"
                    f" {item.subject}; leave --subjects out"
                )
            first = first or item.path
            if subject := known.subject_of.get(item.path):
                item, used = dataclasses.replace(item, subject=subject), True
        yield item
    if first and not used:
        raise UserError(
            f"--subjects={known.file} names no picture of the set: it has"
            f" {next(iter(known.subject_of), 'no rows')}, where the set has {first}"
        )
