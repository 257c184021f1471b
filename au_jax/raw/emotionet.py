"""EmotioNet: label tables, lists of URLs, pictures `N_0000000001/N_..._00002.jpg`.

Tables `*.csv` and `*.xlsx` have the columns `URL`, `'AU 1'`, ... (1, 0, 999 = not
annotated). A table whose name ends in `_val`, `_test` or `_train` is that split; other
tables are halved into val and test, at most 10,544 images each. Lists `dataFile_*.txt`
(separated by tabs, without header) name unlabelled images; their codes come from a
detector and are not read (method.md section 7). Pictures are found only by the names in
`URL`, because different pictures may have equal names in `URL orig`.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import UInt64

from au_jax.errors import UserError
from au_jax.raw import emotionet_labels
from au_jax.raw.emotionet_labels import Entry, Table, labelled, listed
from au_jax.raw.label_table import header_problem
from au_jax.raw.name_store import Names
from au_jax.raw.row import Reject, Row
from au_jax.raw.splits import rank
from au_jax.raw.tree import Tree, picture_finder, pictures, walk

TRAIN_IMAGES = 200_000  # drawn from the unlabelled lists (method.md section 7)
TEST_IMAGES = 10_544  # for test, and as many for val, from tables without a split

Find = Callable[[str, str], str | None]

_SPLITS = ("val", "test", "train")  # an image listed twice belongs to the first one
_NAMED = re.compile(rf".*_({'|'.join(_SPLITS)})", re.IGNORECASE)


def read(
    raw: Path,
    seed: int,
    train_images: int = TRAIN_IMAGES,
    test_images: int = TEST_IMAGES,
) -> Iterator[Row | Reject]:
    """Yield every listed image in one split, then the pictures that no list names.

    Raises:
        UserError: there is no table or list, or the split of a table is unclear.
    """
    tree = walk(raw)
    tables, lists, rejects = _label_files(tree)
    find = picture_finder(tree)
    yield from rejects
    coded = (e for some in tables.values() for t in some for e in labelled(raw, t))
    contradicted = _contradicted(coded, find)
    seen = Names()
    for split in _SPLITS:
        for table in tables.get(split, ()):
            rows = _rows(labelled(raw, table), find, seen, lambda _, s=split: s)
            yield from _uncontradicted(rows, contradicted)
    halved = tables.get("", [])
    ranks = _ranks((e for t in halved for e in labelled(raw, t)), find, seen, seed)
    ranks = ranks[: 2 * test_images]
    middle, end = (ranks[(len(ranks) - 1) // 2], ranks[-1]) if len(ranks) else (0, 0)

    def side(path: str) -> str | None:
        at = rank(path, seed)
        return "val" if at <= middle else "test" if at <= end else None

    for table in halved:
        rows = _rows(labelled(raw, table), find, seen, side)
        yield from _uncontradicted(rows, contradicted)
    ranks = _ranks(listed(raw, lists), find, seen, seed)
    last = ranks[train_images - 1] if len(ranks) > train_images else None
    draw = lambda path: "train" if last is None or rank(path, seed) <= last else None
    yield from _rows(listed(raw, lists), find, seen, draw)
    for folder in tree.folders:
        for path in pictures(raw, folder):
            if path not in seen:
                yield Reject(path, "no_label", "no table or list names this picture")


def _rows(
    entries: Iterable[Entry],
    find: Find,
    seen: Names,
    split_of: Callable[[str], str | None],
) -> Iterator[Row | Reject]:
    """Yield the image of every entry, or why it cannot be used."""
    for entry in entries:
        where, aus = entry.where, entry.aus
        folder, name = _name(entry.url)
        if not name:
            yield Reject(where, "bad_label", "no URL")
            continue
        path = find(folder, name)
        if path is None:
            yield Reject(f"{folder}/{name}", "no_image", f"{where}: {entry.url}")
            continue
        if path in seen:
            yield Reject(path, "duplicate", f"{where}: listed before")
            continue
        seen.add(path)
        split = split_of(path)
        if any("\ud800" <= letter <= "\udfff" for letter in path):  # not text
            yield Reject(path, "bad_name", f"{where}: rename it to plain text")
            continue
        if isinstance(aus, str):
            yield Reject(path, "bad_label", f"{where}: {aus}")
        elif split is None:
            yield Reject(path, "not_drawn", f"{where}: not among the images drawn")
        else:
            yield Row(path, split, frame=_number(name), aus=aus)


def _contradicted(entries: Iterable[Entry], find: Find) -> set[str]:
    """Return the pictures that are listed several times with different codes."""
    first = Names()
    pictures: set[str] = set()
    for entry in entries:
        path = find(*_name(entry.url)) if entry.url else None
        if path and not isinstance(entry.aus, str):
            label = hash(tuple(sorted(entry.aus.items())))
            if first.setdefault(path, label) != label:
                pictures.add(path)
    return pictures


def _uncontradicted(
    items: Iterable[Row | Reject], contradicted: set[str]
) -> Iterator[Row | Reject]:
    for item in items:
        if isinstance(item, Row) and item.path in contradicted:
            yield Reject(item.path, "bad_label", "listed again with other codes")
        else:
            yield item


def _name(url: str) -> tuple[str, str]:
    """Return the folder and file name of a picture: the last two parts of its URL."""
    parts = PurePosixPath(url.split("?")[0].split("#")[0])
    return parts.parent.name, parts.name


def _number(name: str) -> int:
    """Return the number at the end of a name, or 0 if there is none."""
    match = re.search(r"(\d{1,9})$", PurePosixPath(name).stem)
    return int(match[1]) if match else 0


def _ranks(
    entries: Iterable[Entry], find: Find, seen: Names, seed: int
) -> UInt64[np.ndarray, " n"]:
    """Return the sorted ranks of the images that exist and are in no earlier split."""
    paths = (find(*_name(entry.url)) for entry in entries if entry.url)
    ranks = (rank(path, seed) for path in paths if path and path not in seen)
    return np.unique(np.fromiter(ranks, np.uint64))


def _label_files(
    tree: Tree,
) -> tuple[dict[str, list[Table]], list[PurePosixPath], list[Reject]]:
    """Return the tables by split, the lists, and rejects for all other files.

    The split is "" where the name of a table does not end in one.
    """
    by_split: dict[str, list[Table]] = {}
    lists, rejects = [], []
    for file in tree.others:
        if re.fullmatch(r"dataFile_.*\.txt", file.name, re.IGNORECASE):
            problem = header_problem(tree.raw / file)
            if problem:
                rejects.append(Reject(str(file), "bad_label_file", problem))
            else:
                lists.append(file)
        elif file.suffix == ".xlsx" and file.with_suffix(".csv") in tree.others:
            detail = f"not read, because {file.stem}.csv has the same content"
            rejects.append(Reject(str(file), "second_label_file", detail))
        elif file.suffix.lower() in (".csv", ".xlsx"):
            usable, bad = emotionet_labels.tables(tree.raw, file)
            match = _NAMED.fullmatch(file.stem)
            by_split.setdefault(match[1].lower() if match else "", []).extend(usable)
            rejects += bad
        elif file.suffix.lower() == ".xls":
            detail = "an old spreadsheet format; save it as XLSX or CSV"
            rejects.append(Reject(str(file), "bad_label_file", detail))
        else:
            rejects.append(
                Reject(str(file), "not_image", "not a picture, table or list")
            )
    by_split = {split: tables for split, tables in by_split.items() if tables}
    bad = next((r for r in rejects if r.reason == "bad_label_file"), None)
    if not (by_split or lists) and bad:
        raise UserError(f"no usable label table: {tree.raw}/{bad.path}: {bad.detail}")
    if not (by_split or lists):
        raise UserError(
            f"no label table (*.csv, *.xlsx) and no list (dataFile_*.txt) below"
            f" {tree.raw}; is --raw EmotioNet?"
        )
    if not tree.folders:
        raise UserError(f"no pictures below {tree.raw}; download the listed ones first")
    if "" in by_split and len(by_split) > 1:
        raise UserError(
            f"the split of {tree.raw}/{by_split[''][0]} is unclear beside tables named"
            " ..._val.csv, ..._test.csv or ..._train.csv; name it like them"
        )
    return by_split, lists, rejects
