"""Lists in the style of ADLD and JAA-Net: files whose lines correspond.

`NAME_path.txt` (`BP4D/F001/T1/2440.jpg`), `NAME_AUoccur.txt` (0 and 1, separated by
blanks; 9 and 999 = not coded) and optionally `NAME_land.txt` (98 numbers; the first
pixel has the number 1). The lists do not name the AUs of their columns: `--aus` does.
Files of different lengths are refused, because shifted labels would look right.
"""

import dataclasses
import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from au_jax.errors import UserError
from au_jax.raw import splits
from au_jax.raw.folder_table import path_problem
from au_jax.raw.label_table import codes
from au_jax.raw.name_store import Names
from au_jax.raw.row import Reject, Row
from au_jax.raw.tree import walk
from au_jax.runtime.csv_file import header_problem, open_table

_PEOPLE = re.compile(r"(?:.*/)?((?:[FM]|SN)\d{3})/(?:(T\d+)/)?[^/]*", re.IGNORECASE)
_SPLIT = re.compile(r"(?:.*_)?(train|val|test)_path", re.IGNORECASE)


def read(raw: Path, seed: int, aus: Sequence[int] = ()) -> Iterator[Row | Reject]:
    """Yield every line of every list; a name like `X_train_path.txt` states the split.

    Raises:
        UserError: there is no list; the lengths of lists differ; `aus` does not name
            every column, or names some where there are none; or only some lists have
            landmarks.
    """
    others = walk(raw).others
    paths = [f for f in others if f.name.lower().endswith("_path.txt")]
    if not paths:
        raise UserError(f"no list like NAME_path.txt below {raw}")
    for file in paths:
        _check_text(raw, file)
    lists = [(path, *_partners(raw, path, len(aus), others)) for path in paths]
    if aus and not any(occur for _, occur, _ in lists):
        raise UserError(
            "--aus names the columns of lists of labels, and there is none like"
            f" {raw}/{paths[0].parent / _stem(paths[0])}_AUoccur.txt; leave --aus out"
            " for pictures without labels"
        )
    _check_landmarks(raw, lists)
    people = {subject for path, *_ in lists for subject in _subjects(raw, path)}
    split_of = splits.bp4d(people, seed)
    rule_of_people = splits.rule_of_bp4d(people, seed)
    contradicted = _contradicted(raw, lists)
    seen = Names()
    for file, occur, land in lists:
        named = _SPLIT.fullmatch(file.stem)
        for at, (path, (label, points)) in enumerate(_lines(raw, file, occur, land), 1):
            where = f"{file} line {at}"
            item = _row(raw, where, path, label, points, aus)
            if isinstance(item, Row):
                if item.path in seen:
                    yield Reject(item.path, "duplicate", f"{where}: listed before")
                    continue
                seen.add(item.path)
                if path in contradicted:
                    detail = f"{where}: listed again with other codes"
                    yield Reject(item.path, "bad_label", detail)
                    continue
                if named:
                    split, rule = named[1].lower(), "stated by the lists"
                elif item.subject in split_of:
                    split, rule = split_of[item.subject], rule_of_people
                else:
                    split = splits.by_name(item.path, seed)
                    rule = splits.drawn("picture", seed)
                item = dataclasses.replace(item, split=split, split_rule=rule)
            yield item


def _check_landmarks(
    raw: Path, lists: Sequence[tuple[PurePosixPath, object, PurePosixPath | None]]
) -> None:
    """Raise a `UserError` if only some lists have landmarks.

    Those of the others would be found by a method that places them differently, and a
    prepared set states one origin.
    """
    without = [path for path, _, land in lists if land is None]
    if 0 < len(without) < len(lists):
        raise UserError(
            f"{raw}/{without[0]} has no landmarks ({_stem(without[0])}_land.txt), and"
            " other lists have some; prepare them as two sets, or move all files of"
            " landmarks away"
        )


def _contradicted(
    raw: Path, lists: Sequence[tuple[PurePosixPath, PurePosixPath | None, object]]
) -> set[str]:
    """Return the paths that are listed several times with different codes."""
    first = Names()
    paths: set[str] = set()
    for file, occur, _ in lists:
        for path, (label,) in _lines(raw, file, occur) if occur else ():
            codes_of_line = hash(tuple((label or "").split()))
            if first.setdefault(path, codes_of_line) != codes_of_line:
                paths.add(path)
    return paths


def _stem(path: PurePosixPath) -> str:
    return path.name[: -len("_path.txt")]


def _partners(
    raw: Path, path: PurePosixPath, num_aus: int, others: Sequence[PurePosixPath]
) -> tuple[PurePosixPath | None, PurePosixPath | None]:
    """Return the files of labels and of landmarks for a list, where they exist.

    Case does not matter: without labels, all images would be unlabelled in silence.

    Args:
        raw: The raw folder.
        path: The list.
        num_aus: The number of AUs that the user names.
        others: All files but pictures.
    """
    here = {f.name.lower(): f for f in others if f.parent == path.parent}
    partners = [
        here.get((_stem(path) + ending).lower())
        for ending in ("_AUoccur.txt", "_land.txt")
    ]
    count = _length(raw, path)
    for file in filter(None, partners):
        _check_text(raw, file)
        if _length(raw, file) != count:
            raise UserError(
                f"{raw}/{file} has {_length(raw, file)} lines, {path.name} has {count};"
                " lists that belong together must have the same length"
            )
    labels, landmarks = partners
    if labels:
        with open_table(raw / labels) as stream:
            columns = len(stream.readline().split())
        if columns != num_aus:
            raise UserError(
                f"{raw}/{labels} has {columns} columns; name their AUs in this order:"
                " --aus=1,2,4,..."
            )
    return labels, landmarks


def _check_text(raw: Path, file: PurePosixPath) -> None:
    problem = header_problem(raw / file)
    if problem:
        raise UserError(f"{raw}/{file}: {problem}")


def _length(raw: Path, file: PurePosixPath) -> int:
    """Return the number of lines up to the last one that is not blank."""
    return max((at for at, line in enumerate(_text(raw / file), 1) if line), default=0)


def _lines(
    raw: Path, path: PurePosixPath, *others: PurePosixPath | None
) -> Iterator[tuple[str, list[str | None]]]:
    """Yield each path with the same line of the other files; None without a file."""
    columns = [_text(raw / file) if file else itertools.repeat(None) for file in others]
    paths = itertools.islice(_text(raw / path), _length(raw, path))
    for line in paths:
        yield line, [next(column, "") for column in columns]


def _text(file: Path) -> Iterator[str]:
    with open_table(file) as stream:
        yield from (line.strip() for line in stream)


def _subjects(raw: Path, file: PurePosixPath) -> set[str]:
    matches = (_PEOPLE.fullmatch(line.replace("\\", "/")) for line in _text(raw / file))
    return {match[1].upper() for match in matches if match}


def _row(
    raw: Path,
    where: str,
    path: str,
    label: str | None,
    points: str | None,
    aus: Sequence[int],
) -> Row | Reject:
    problem = path_problem(path)
    path = str(PurePosixPath(path.replace("\\", "/")))
    if problem:
        return Reject(path, "bad_label", f"{where}: {problem}")
    # Paths begin with the name of the set, which is not always a folder on disk.
    places = (path, path.partition("/")[2])
    file = next((p for p in places if p and (raw / p).is_file()), None)
    if file is None:
        return Reject(path, "no_image", f"{where}: no such picture")
    coded, numbers = {}, np.zeros(0, np.float32)
    try:
        if label is not None:
            if len(label.split()) != len(aus):
                raise ValueError(f"{len(label.split())} codes for {len(aus)} AUs")
            coded = codes(label.split(), dict(enumerate(aus)), ("9", "999", "-1"))
        if points is not None:
            numbers = np.array(points.split(), np.float32) - 1
            if len(numbers) != 98 or not np.isfinite(numbers).all():
                return Reject(file, "bad_landmarks", f"{where}: {len(numbers)} of 98")
    except ValueError as error:
        return Reject(file, "bad_label", f"{where}: {error}")
    who = _PEOPLE.fullmatch(path)
    subject, task = (who[1].upper(), (who[2] or "").upper()) if who else ("", "")
    return Row(file, "", subject, task, 0, coded, numbers.tobytes())
