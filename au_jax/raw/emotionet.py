"""EmotioNet: label tables, lists of URLs, pictures `N_0000000001/N_..._00002.jpg`.

Tables `*.csv` and `*.xlsx` have the columns `URL`, `'AU 1'`, ... (1, 0, 999 = not
annotated). A table whose name ends in `_val`, `_test` or `_train` is that split; other
tables are halved into val and test, at most 10,544 images each. Lists `dataFile_*.txt`
(separated by tabs, without header) name unlabelled images; their codes come from a
detector and are not read (method.md section 7). ADLD's lists may state the splits
instead. Pictures are found only by the names in
`URL`, because different pictures may have equal names in `URL orig`.
"""

import re
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import UInt64

from au_jax.errors import UserError
from au_jax.raw import adld_lists, emotionet_labels
from au_jax.raw.emotionet_labels import (
    Codes,
    Entry,
    Table,
    labelled,
    listed,
    name_of,
    number_of,
)
from au_jax.raw.name_store import Names
from au_jax.raw.row import Reject, Row, is_text
from au_jax.raw.splits import ADLD, drawn, rank, ruled
from au_jax.raw.tree import Tree, picture_finder, pictures, walk
from au_jax.runtime.csv_file import header_problem

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
    lists: Path | None = None,
) -> Iterator[Row | Reject]:
    """Yield every listed image in one split, then the pictures that no list names.

    Args:
        raw: The folder of the set.
        seed: The seed of the draws.
        train_images: The most images drawn from the unlabelled lists.
        test_images: The most images of val and of test, from tables without a split.
        lists: The folder of ADLD's lists (`adld_lists`), which then state the splits.

    Raises:
        UserError: there is no table or list, or the split of a table is unclear.
    """
    split_files = adld_lists.find(lists) if lists else {}
    tree = walk(raw)
    tables, unlabelled, rejects = _label_files(tree, {*split_files.values()})
    find = picture_finder(tree)
    yield from rejects
    coded = (e for some in tables.values() for t in some for e in labelled(raw, t))
    contradicted = _contradicted(coded, find)
    seen = Names()
    if split_files:
        rows, rule = _by_lists(raw, tables, split_files, find, seen), ADLD["emotionet"]
    else:
        rows = _by_tables(raw, tables, find, seen, seed, test_images)
        halved = f"labelled pictures halved, seed {seed}"
        rule = halved if "" in tables else "stated by the tables"
    yield from ruled(_uncontradicted(rows, contradicted), rule)
    others = listed(raw, unlabelled)
    if split_files:
        others = _unseen(others, find, seen)
    if "train" in split_files:
        yield from _rows(others, find, seen, lambda _: None)
    else:
        ranks = _ranks(listed(raw, unlabelled), find, seen, seed)
        every = len(ranks) <= train_images
        last = 0 if every else ranks[train_images - 1]
        draw = lambda path: "train" if every or rank(path, seed) <= last else None
        rule = drawn("picture", seed)
        yield from ruled(_rows(others, find, seen, draw), rule)
    for folder in tree.folders:
        for path in pictures(raw, folder):
            if path not in seen:
                yield Reject(path, "no_label", "no table or list names this picture")


def _by_tables(
    raw: Path,
    tables: Mapping[str, Sequence[Table]],
    find: Find,
    seen: Names,
    seed: int,
    test_images: int,
) -> Iterator[Row | Reject]:
    """Yield the labelled images; a table states their split, or it is halved."""
    for split in _SPLITS:
        for table in tables.get(split, ()):
            yield from _rows(labelled(raw, table), find, seen, lambda _, s=split: s)
    halved = tables.get("", ())
    ranks = _ranks((e for t in halved for e in labelled(raw, t)), find, seen, seed)
    ranks = ranks[: 2 * test_images]
    middle, end = (ranks[(len(ranks) - 1) // 2], ranks[-1]) if len(ranks) else (0, 0)

    def side(path: str) -> str | None:
        at = rank(path, seed)
        return "val" if at <= middle else "test" if at <= end else None

    for table in halved:
        yield from _rows(labelled(raw, table), find, seen, side)


def _by_lists(
    raw: Path,
    tables: Mapping[str, Sequence[Table]],
    split_files: Mapping[str, Path],
    find: Find,
    seen: Names,
) -> Iterator[Row | Reject]:
    """Yield the images of ADLD's lists with the labels of EmotioNet's own tables.

    What a list names and no table codes is rejected, and so is what a table codes and
    no list names. Training images have no labels.
    """
    every_table = [table for some in tables.values() for table in some]
    if not every_table:
        raise UserError(
            f"no label table (*.csv, *.xlsx) below {raw}; --lists states the splits,"
            " but the labels of val and test are in EmotioNet's own tables"
        )
    wanted = {
        path
        for split in ("val", "test")
        for _, line in adld_lists.lines(split_files[split])
        if (path := find(*name_of(line)))
    }
    codes: dict[str, Codes] = {}
    for table in every_table:
        for entry in labelled(raw, table):
            path = find(*name_of(entry.url)) if entry.url else None
            if path in wanted:
                codes.setdefault(path, entry.aus)

    def entries(split: str) -> Iterator[Entry]:
        for where, line in adld_lists.lines(split_files[split]):
            aus: Codes = {}
            if split != "train":
                path = find(*name_of(line))
                aus = codes.get(path or "", "no label table names this picture")
            yield Entry(where, line, aus)

    for split in split_files:
        yield from _rows(entries(split), find, seen, lambda _, s=split: s)
    for table in every_table:
        rest = _unseen(labelled(raw, table), find, seen)
        yield from _rows(rest, find, seen, lambda _: None)


def _unseen(entries: Iterable[Entry], find: Find, seen: Names) -> Iterator[Entry]:
    """Yield the entries whose picture was not listed before."""
    for entry in entries:
        folder, name = name_of(entry.url)
        if (find(folder, name) or f"{folder}/{name}") not in seen:
            yield entry


def _rows(
    entries: Iterable[Entry],
    find: Find,
    seen: Names,
    split_of: Callable[[str], str | None],
) -> Iterator[Row | Reject]:
    """Yield the image of every entry, or why it cannot be used."""
    for entry in entries:
        where, aus = entry.where, entry.aus
        folder, name = name_of(entry.url)
        if not name:
            yield Reject(where, "bad_label", "no URL")
            continue
        path = find(folder, name)
        if path is None:
            seen.add(f"{folder}/{name}")
            yield Reject(f"{folder}/{name}", "no_image", f"{where}: {entry.url}")
            continue
        if path in seen:
            yield Reject(path, "duplicate", f"{where}: listed before")
            continue
        seen.add(path)
        split = split_of(path)
        if not is_text(path):
            yield Reject(path, "bad_name", f"{where}: rename it to plain text")
            continue
        if isinstance(aus, str):
            yield Reject(path, "bad_label", f"{where}: {aus}")
        elif split is None:
            yield Reject(path, "not_drawn", f"{where}: not among the images drawn")
        else:
            yield Row(path, split, frame=number_of(name), aus=aus)


def _contradicted(entries: Iterable[Entry], find: Find) -> set[str]:
    """Return the pictures that are listed several times with different codes."""
    first = Names()
    pictures: set[str] = set()
    for entry in entries:
        path = find(*name_of(entry.url)) if entry.url else None
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


def _ranks(
    entries: Iterable[Entry], find: Find, seen: Names, seed: int
) -> UInt64[np.ndarray, " n"]:
    """Return the sorted ranks of the images that exist and are in no earlier split."""
    paths = (find(*name_of(entry.url)) for entry in entries if entry.url)
    ranks = (rank(path, seed) for path in paths if path and path not in seen)
    return np.unique(np.fromiter(ranks, np.uint64))


def _label_files(
    tree: Tree, split_files: Collection[Path] = ()
) -> tuple[dict[str, list[Table]], list[PurePosixPath], list[Reject]]:
    """Return the tables by split, the lists, and rejects for all other files.

    The split is "" where the name of a table does not end in one. `split_files` state
    the splits instead, so their tables need no such names.
    """
    by_split: dict[str, list[Table]] = {}
    lists, rejects = [], []
    for file in tree.others:
        if tree.raw / file in split_files:
            continue
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
    if "" in by_split and len(by_split) > 1 and not split_files:
        raise UserError(
            f"the split of {tree.raw}/{by_split[''][0]} is unclear beside tables named"
            " ..._val.csv, ..._test.csv or ..._train.csv; name it like them"
        )
    return by_split, lists, rejects
