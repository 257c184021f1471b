"""RAF-AU: `RAFAU_label.txt` with lines like `0001.jpg 1+4+L12`, and aligned pictures.

`null` means that no AU is active. L and R mean that one side of the face shows the AU,
and a letter behind the number is an intensity (`12B`); both count as active. An AU that
a line does not name is inactive, because the coders looked for all of them.
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from au_jax.errors import UserError
from au_jax.raw import splits
from au_jax.raw.row import Reject, Row
from au_jax.raw.tree import pictures, walk
from au_jax.runtime.csv_file import header_problem, open_table

_AU = re.compile(r"[LRTB]?(\d{1,2})[A-E]?", re.IGNORECASE)


def read(raw: Path, seed: int) -> Iterator[Row | Reject]:
    """Yield every line of the label file, then every picture that it does not name.

    Raises:
        UserError: the tree has no label file, or several, or no pictures.
    """
    tree = walk(raw)
    tables = [f for f in tree.others if f.name.lower() == "rafau_label.txt"]
    if len(tables) != 1:
        count = "no file" if not tables else "several files"
        raise UserError(f"{count} RAFAU_label.txt below {raw}; one is needed")
    problem = header_problem(raw / tables[0])
    if problem:
        raise UserError(f"{raw}/{tables[0]}: {problem}")
    if not tree.folders:
        raise UserError(f"no pictures below {raw}")
    paths = [path for folder in tree.folders for path in pictures(raw, folder)]
    by_name: dict[str, str] = {}
    for path in paths:
        stem = PurePosixPath(path).stem.lower().removesuffix("_aligned")
        if stem in by_name:
            yield Reject(path, "duplicate_image", f"same as {by_name[stem]}")
        by_name.setdefault(stem, path)
    with open_table(raw / tables[0]) as stream:
        lines = {n: line.split() for n, line in enumerate(stream, 1) if line.strip()}
    coded = {au for words in lines.values() for au in _aus(words[1:]) or ()}
    labels: dict[str, set[int] | None] = {}
    for words in lines.values():
        aus = _aus(words[1:])
        stem = PurePosixPath(words[0]).stem.lower()
        labels[stem] = aus if labels.get(stem, aus) == aus else None
    seen = set()
    for at, words in lines.items():
        where = f"{tables[0]} line {at}"
        stem = PurePosixPath(words[0]).stem.lower()
        active, path = labels[stem], by_name.get(stem)
        if stem in seen:
            yield Reject(words[0], "duplicate_label", f"{where}: named before")
        elif path is None:
            yield Reject(words[0], "no_image", f"{where}: no such picture")
        elif active is None:
            detail = f"{where}: {' '.join(words[1:])!r} is not like 1+4+L12, or the"
            yield Reject(path, "bad_label", f"{detail} picture has other labels, too")
        else:
            aus = {au: au in active for au in sorted(coded)}
            rule = splits.drawn("picture", seed)
            yield Row(path, splits.by_name(path, seed), aus=aus, split_rule=rule)
        seen.add(stem)
    for stem, path in by_name.items():
        if stem not in seen:
            yield Reject(path, "no_label", f"{tables[0]} does not name it")


def _aus(words: list[str]) -> set[int] | None:
    """Return the active AUs of a line, or None if it cannot be read."""
    if len(words) != 1:
        return None
    if words[0].lower() == "null":
        return set()
    matches = [_AU.fullmatch(part) for part in words[0].split("+")]
    return {int(m[1]) for m in matches if m} if all(matches) else None
