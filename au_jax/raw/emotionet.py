"""EmotioNet: label tables, lists of URLs, pictures `N_0000000001/N_..._00002.jpg`.

`*.csv` with the columns `URL`, `'AU 1'`, ... (1, 0, 999 = not annotated) are labelled:
a name that ends in `_val`, `_test` or `_train` says its split, other tables are halved
into val and test. `dataFile_*.txt` (tab separated, no header) are unlabelled: the codes
in them come from a detector, not from people, and are not read (method.md section 7).
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import UInt64

from au_jax.errors import UserError
from au_jax.preparation.splits import rank
from au_jax.raw.row import Reject, Row
from au_jax.raw.table import au_columns, clean, codes, header_problem, open_table
from au_jax.raw.tree import Tree, picture_finder, pictures, walk

TRAIN_IMAGES = 200_000  # drawn from the unlabelled lists (method.md section 7)

Codes = Mapping[int, bool] | str  # or what is wrong with them
Entry = tuple[str, str, Codes]  # where it is listed, URL, codes
Find = Callable[[str, str], str | None]

_SPLITS = ("val", "test", "train")  # an image listed twice belongs to the first
_NAMED = re.compile(rf".*_({'|'.join(_SPLITS)})", re.IGNORECASE)


def read(
    raw: Path, seed: int, train_images: int = TRAIN_IMAGES
) -> Iterator[Row | Reject]:
    """Every listed image, then every picture that no list names.

    No image is in two splits. The names of the listed images are held in memory.

    Raises:
        UserError: no table and no list, or tables whose split is unclear.
    """
    tree = walk(raw)
    tables, lists, rejects = _label_files(tree)
    find = picture_finder(tree)
    yield from rejects
    seen: set[str] = set()
    for split in _SPLITS:
        for table in tables.get(split, ()):
            yield from _rows(_labelled(raw, table), find, seen, lambda _, s=split: s)
    halved = tables.get("", [])
    ranks = _ranks((e for t in halved for e in _labelled(raw, t)), find, seen, seed)
    middle = ranks[(len(ranks) - 1) // 2] if len(ranks) else 0
    side = lambda path: "val" if rank(path, seed) <= middle else "test"
    for table in halved:
        yield from _rows(_labelled(raw, table), find, seen, side)
    ranks = _ranks(_listed(raw, lists), find, seen, seed)
    last = ranks[train_images - 1] if len(ranks) > train_images else None
    draw = lambda path: "train" if last is None or rank(path, seed) <= last else None
    yield from _rows(_listed(raw, lists), find, seen, draw)
    for folder in tree.folders:
        for path in pictures(raw, folder):
            if path not in seen:
                yield Reject(path, "no_label", "no table or list names this picture")


def _rows(
    entries: Iterable[Entry],
    find: Find,
    seen: set[str],
    split_of: Callable[[str], str | None],
) -> Iterator[Row | Reject]:
    """The image of every entry, or why there is none."""
    for where, url, aus in entries:
        folder, name = _name(url)
        if not name:
            yield Reject(where, "bad_label", "no URL")
            continue
        path = find(folder, name)
        if path is None:
            yield Reject(f"{folder}/{name}", "no_image", f"{where}: {url}")
            continue
        if path in seen:
            yield Reject(path, "duplicate", f"{where}: listed before")
            continue
        seen.add(path)
        split = split_of(path)
        if any("\ud800" <= letter <= "\udfff" for letter in path):  # bytes, no text
            yield Reject(path, "bad_name", f"{where}: rename it to plain text")
            continue
        if isinstance(aus, str):
            yield Reject(path, "bad_label", f"{where}: {aus}")
        elif split is None:
            yield Reject(path, "not_drawn", f"{where}: more than the draw takes")
        else:
            yield Row(path, split, frame=_number(name), aus=aus)


def _name(url: str) -> tuple[str, str]:
    """Folder and file name of a picture: the last two parts of its address."""
    parts = PurePosixPath(url.split("?")[0].split("#")[0])
    return parts.parent.name, parts.name


def _number(name: str) -> int:
    """The digits at the end of the name; 0 where there are none."""
    match = re.search(r"(\d{1,9})$", PurePosixPath(name).stem)
    return int(match[1]) if match else 0


def _ranks(
    entries: Iterable[Entry], find: Find, seen: set[str], seed: int
) -> UInt64[np.ndarray, " n"]:
    """The sorted ranks of the images that are there and in no earlier split."""
    paths = (find(*_name(url)) for _, url, _ in entries if url)
    ranks = (rank(path, seed) for path in paths if path and path not in seen)
    return np.unique(np.fromiter(ranks, np.uint64))


def _label_files(
    tree: Tree,
) -> tuple[dict[str, list[PurePosixPath]], list[PurePosixPath], list[Reject]]:
    """The tables by split ("" where the name says none), the lists, and the rest."""
    tables: dict[str, list[PurePosixPath]] = {}
    lists, rejects = [], []
    for file in tree.others:
        problem = ""
        if re.fullmatch(r"dataFile_.*\.txt", file.name, re.IGNORECASE):
            lists.append(file)
        elif file.suffix.lower() == ".csv":
            problem = header_problem(tree.raw / file, _columns)
            match = _NAMED.fullmatch(file.stem)
            if not problem:
                tables.setdefault(match[1].lower() if match else "", []).append(file)
        elif file.suffix.lower() in (".xlsx", ".xls"):
            problem = "a spreadsheet; save it as CSV"
        else:
            rejects.append(Reject(str(file), "not_image", "no picture, table or list"))
        if problem:
            rejects.append(Reject(str(file), "bad_label_file", problem))
    bad = next((r for r in rejects if r.reason == "bad_label_file"), None)
    if not (tables or lists) and bad:
        raise UserError(f"no usable label table: {tree.raw}/{bad.path}: {bad.detail}")
    if not (tables or lists):
        raise UserError(
            f"no label table (*.csv) and no list (dataFile_*.txt) below {tree.raw}; "
            "is --raw EmotioNet?"
        )
    if not tree.folders:
        raise UserError(f"no pictures below {tree.raw}; download the listed ones first")
    if "" in tables and len(tables) > 1:
        raise UserError(
            f"the split of {tree.raw}/{tables[''][0]} is unclear beside tables named "
            "..._val.csv, ..._test.csv or ..._train.csv; name it like them"
        )
    return tables, lists, rejects


def _columns(header: list[str]) -> tuple[int, dict[int, int]]:
    """Column of the URL, and the AU of each AU column."""
    names = [clean(cell).lower() for cell in header]
    if "url" not in names:
        raise ValueError("the header names no column URL")
    return names.index("url"), au_columns(header)


def _labelled(raw: Path, table: PurePosixPath) -> Iterator[Entry]:
    """The rows of a label table."""
    with open_table(raw / table) as stream:
        lines = csv.reader(stream)
        at, columns = _columns(next(lines))
        for cells in lines:
            if not any(clean(cell) for cell in cells):
                continue
            where = f"{table} line {lines.line_num}"
            try:
                aus: Codes = codes(cells, columns, unknown=("999", "9"))
            except ValueError as error:
                aus = str(error)
            yield where, clean(cells[at]) if at < len(cells) else "", aus


def _listed(raw: Path, lists: Iterable[PurePosixPath]) -> Iterator[Entry]:
    """The rows of the unlabelled lists."""
    for file in lists:
        with open_table(raw / file) as stream:
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    yield f"{file} line {number}", clean(line.split("\t")[0]), {}
