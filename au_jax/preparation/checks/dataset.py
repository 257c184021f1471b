"""A prepared data set that is opened for a check: splits, AUs, rejected files."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from au_jax.data import metadata
from au_jax.data.metadata import Metadata
from au_jax.data.reader import forget_open_files, not_prepared, open_builder
from au_jax.data.split import FaceSplit, Records
from au_jax.errors import UserError
from au_jax.preparation.counts import read_counts
from au_jax.runtime.files import open_regular

_REJECTED = ("path", "reason", "detail")  # the columns of rejected.csv


@dataclass(frozen=True)
class Prepared:
    """A data set on disk."""

    directory: Path
    """The version folder: DATA_DIR/NAME/VERSION."""
    metadata: Metadata
    splits: dict[str, FaceSplit]
    counts: dict[str, Any] | None
    """The content of `counts.json`, if there is one."""

    @property
    def name(self) -> str:
        """The name of the set."""
        return self.metadata.name

    @property
    def aus(self) -> tuple[int, ...]:
        """The AUs that the set codes."""
        return self.metadata.aus

    def rejected(self) -> Iterator[dict[str, str]]:
        """Yield the rows of `rejected.csv` (path, reason, detail), if it exists."""
        file = self.directory / "rejected.csv"
        if not file.exists():
            return
        try:
            with io.TextIOWrapper(open_regular(file), "utf-8", newline="") as stream:
                for row in csv.DictReader(stream):
                    if any(not isinstance(row.get(key), str) for key in _REJECTED):
                        raise ValueError("a line without path, reason and detail")
                    yield row
        except (OSError, ValueError, csv.Error) as error:
            raise UserError(
                f"{file} is damaged ({error}); prepare the set again, or delete it"
            ) from None


def find(folder: Path) -> list[Path]:
    """Return all version folders in DATA_DIR, DATA_DIR/NAME or DATA_DIR/NAME/VERSION.

    Raises:
        UserError: there is none.
    """
    for pattern in (".", "*", "*/*"):
        marks = sorted(folder.glob(f"{pattern}/dataset_info.json"))
        folders = [m.parent for m in marks if not m.parent.name.startswith(".")]
        if folders:
            return folders
    raise UserError(
        f"--check={folder}: there is no prepared data set (no dataset_info.json); give"
        " the folder that was --data_dir, or a folder in it"
    )


def open_prepared(directory: Path) -> Prepared:
    """Open a version folder.

    Raises:
        UserError: its description is damaged, or another program wrote it.
    """
    forget_open_files()
    try:
        info = open_builder(directory).info
        said = metadata.read(directory, info)
        sizes = {name: split.num_examples for name, split in info.splits.items()}
        counts = read_counts(directory)
    except Exception as error:  # TFDS raises errors of many types
        raise not_prepared(directory, error) from error
    splits = {
        split: FaceSplit((Records(directory, split, said.aus, size),), said.aus)
        for split, size in sorted(sizes.items(), key=lambda item: _place(item[0]))
    }
    return Prepared(directory, said, splits, counts)


def _place(split: str) -> tuple[int, str]:
    """Return a sort key: train, val, test, then any other splits."""
    order = ("train", "val", "test")
    return (order.index(split) if split in order else len(order), split)
