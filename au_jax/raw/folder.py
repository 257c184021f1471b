"""Any folder of pictures, with or without a table of labels: people's own data.

The table is the one CSV file directly in the folder (au_jax/raw/path_table.py). Without
one every picture is unlabelled. Without a column `split` people are divided 70, 10 and
20 %; where `subject` is missing too, pictures are.
"""

import unicodedata
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from au_jax.errors import UserError
from au_jax.preparation import splits
from au_jax.raw.path_table import Entry, entries, path_problem
from au_jax.raw.row import Reject, Row
from au_jax.raw.tree import is_picture, pictures, walk


def read(raw: Path, seed: int) -> Iterator[Row | Reject]:
    """Every row of the table, then every picture that it does not name.

    The names of the pictures are held in memory.

    Raises:
        UserError: no pictures, several tables, or one whose header cannot be used.
    """
    tree = walk(raw)
    if not tree.folders:
        raise UserError(f"no pictures below {raw}")
    tables = [
        f for f in tree.others if f.suffix.lower() == ".csv" and len(f.parts) == 1
    ]
    if len(tables) > 1:
        names = ", ".join(str(table) for table in tables)
        raise UserError(f"{raw} holds several tables ({names}); leave one CSV file")
    for other in tree.others:
        if other not in tables:
            yield Reject(str(other), "not_image", "not a picture file")
    listed: set[str] = set()
    if tables:
        yield from _listed(raw, raw / tables[0], seed, listed)
    for folder in tree.folders:
        for path in pictures(raw, folder):
            if path in listed:
                continue
            if tables:
                yield Reject(path, "no_label", f"{tables[0]} does not name it")
            elif not _is_text(path):
                yield Reject(path, "bad_name", "rename it to plain text")
            else:
                yield Row(path, splits.by_name(path, seed))


def _listed(
    raw: Path, table: Path, seed: int, listed: set[str]
) -> Iterator[Row | Reject]:
    """The rows of the table; `listed` gets the pictures that they name."""
    labels: dict[str, int] = {}
    contradicted: set[str] = set()
    subjects: set[str] = set()
    for entry in entries(table):
        subjects.add(entry.subject)
        label = hash((entry.subject, entry.split, *sorted(entry.aus.items())))
        if labels.setdefault(entry.path, label) != label:
            contradicted.add(entry.path)
    split_of = splits.by_subject(subjects - {""}, seed)
    for entry in entries(table):
        if not entry.path:
            yield Reject(entry.where, "bad_label", entry.problem)
            continue
        path = None if path_problem(entry.path) else _find(raw, entry.path)
        if path in listed:
            yield Reject(entry.path, "duplicate_label", f"{entry.where}: named before")
            continue
        if path:
            listed.add(path)
        if entry.path in contradicted:
            detail = f"{entry.where}: named several times, with different labels"
            yield Reject(entry.path, "bad_label", detail)
        elif entry.problem:
            yield Reject(entry.path, "bad_label", f"{entry.where}: {entry.problem}")
        elif path is None:
            yield Reject(entry.path, "no_image", f"{entry.where}: no such picture")
        else:
            split = entry.split or split_of.get(entry.subject)
            yield _row(path, split or splits.by_name(path, seed), entry)


def _row(path: str, split: str, entry: Entry) -> Row:
    return Row(path, split, entry.subject, entry.task, entry.frame, entry.aus)


def _find(raw: Path, path: str) -> str | None:
    """The picture of that name; accents may be written in either Unicode form."""
    for form in (path, *(unicodedata.normalize(f, path) for f in ("NFC", "NFD"))):
        if is_picture(form) and (raw / form).is_file():
            return str(PurePosixPath(form))
    return None


def _is_text(path: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in path)
