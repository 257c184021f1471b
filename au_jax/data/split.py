"""A split of a prepared data set: a random-access source of examples."""

import dataclasses
import functools
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int

from au_jax.data import metadata
from au_jax.data.reader import (
    newest_version,
    not_prepared,
    open_builder,
    open_records,
    parse,
)
from au_jax.errors import UserError
from au_jax.faces.drawing import licensed_as
from au_jax.types import JOINT, SIDE, Example


class NoSuchSplit(UserError):
    """A data set lacks a split, or the split is empty."""


@dataclasses.dataclass(frozen=True)
class Records:
    """A split of one data set: where its records are, and what they say.

    It holds only names, so it can be sent to workers; the process that reads records
    opens the files.
    """

    directory: Path
    """The version folder: DATA_DIR/NAME/VERSION."""
    split: str
    coded_aus: tuple[int, ...]
    """The AUs that the data set codes; all others are unknown in every example."""
    length: int
    landmarks_by: str = "dlib68"
    """The origin of the landmarks: "au_jax", "dlib68", "file" or "rendering"."""
    dataset: str = ""
    """The raw set that was read, whatever the name is; "" if it is not known."""
    split_rule: str = ""
    """Who chose the images of the split (`raw/splits.py`); "" if it is not known."""
    licence: str = ""
    """The licence of the pictures, if `prepare --licence` states it."""

    @property
    def name(self) -> str:
        """The name of the prepared set."""
        return self.directory.parent.name

    def read(self, index: int) -> Example:
        """Return an example as it is stored; its image stays encoded.

        Raises:
            UserError: the record is damaged.
        """
        try:
            return parse(open_records(self.directory, self.split)[index])
        except Exception as error:  # ArrayRecord and protobuf raise many types
            if not self.directory.is_dir():
                raise UserError(
                    f"{self.directory} does not exist any more; restore it and run the"
                    " same command again to resume"
                ) from error
            raise self.damaged(index, str(error)) from error

    def damaged(self, index: int, problem: str) -> UserError:
        """Return the error for a record that cannot be used."""
        return UserError(
            f"record {index} of split {self.split!r} in {self.directory} is damaged"
            f" ({' '.join(problem.split())}); delete that folder and run au_jax.prepare"
            " again"
        )


@dataclasses.dataclass(frozen=True)
class FaceSplit:
    """A split of one data set, or of several, one after the other.

    The AU columns of its examples are the AUs of `aus`, in this order.
    """

    parts: tuple[Records, ...]
    aus: tuple[int, ...]

    @property
    def coded_aus(self) -> tuple[int, ...]:
        """The AUs that at least one of the data sets codes."""
        return tuple(sorted({au for part in self.parts for au in part.coded_aus}))

    @property
    def landmarks_by(self) -> tuple[str, ...]:
        """The origins of the landmarks, each once."""
        return tuple(dict.fromkeys(part.landmarks_by for part in self.parts))

    @property
    def licensed(self) -> bool:
        """Whether pictures of at least one of the data sets are a licensed set's."""
        return any(
            licensed_as(part.name, part.dataset, part.licence) for part in self.parts
        )

    @property
    def dataset(self) -> str:
        """The raw sets that were read, with + between them; "" if none is known."""
        return _joined(part.dataset for part in self.parts)

    @property
    def split_rule(self) -> str:
        """Who chose the images of the split in each set; "" if none is known."""
        return _joined(part.split_rule for part in self.parts)

    def __str__(self) -> str:
        """Return the name of the split, and the folders."""
        folders = " and ".join(str(part.directory) for part in self.parts)
        return f"split {self.parts[0].split!r} of {folders}"

    def __len__(self) -> int:
        """Return the number of examples."""
        return sum(part.length for part in self.parts)

    def __getitem__(self, index: int) -> Example:
        """Return an aligned face.

        Returns:
            `image` RGB uint8 (200, 200, 3); `landmarks` float32 (49, 2), x and y in
            aligned pixels; `aus` float32 (a,), 0 where unknown; `aus_known` bool (a,);
            `person`, a number of the subject (or of the path where there is none) and
            its data set;
            `path` and `subject`, as text.

        Raises:
            UserError: the record is damaged.
        """
        part, place = self._find(index)
        record = part.read(place)
        data = np.frombuffer(record["image"], np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
        if image is None or image.shape != (SIDE, SIDE, 3):
            problem = "no picture" if image is None else f"a picture of {image.shape}"
            raise part.damaged(place, f"{problem}, from {record['path'].decode()}")
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)  # faster than decoding to RGB
        aus, known = select_aus(
            record["aus"][None], record["aus_known"][None], part.coded_aus, self.aus
        )
        name = record["subject"] or record["path"]
        return {
            "image": image,
            "landmarks": record["landmarks"],
            "aus": aus[0],
            "aus_known": known[0],
            "person": np.int32(zlib.crc32(name, self.parts.index(part)) >> 1),
            "path": record["path"].decode(),
            "subject": record["subject"].decode(),
        }

    def path(self, index: int) -> str:
        """Return the path of an example's photograph, relative to the raw folder."""
        return self.record(index)["path"].decode()

    def record(self, index: int) -> Example:
        """Return an example as it is stored; its image stays encoded.

        Raises:
            UserError: the record is damaged.
        """
        part, place = self._find(index)
        return part.read(place)

    def each(self) -> Iterator["FaceSplit"]:
        """Yield the split of each data set on its own."""
        for part in self.parts:
            yield dataclasses.replace(self, parts=(part,))

    def _find(self, index: int) -> tuple[Records, int]:
        """Return the data set of an example, and its place in there."""
        if index >= 0:
            for part in self.parts:
                if index < part.length:
                    return part, index
                index -= part.length
        raise IndexError(index)  # ends `for example in split`


def _joined(texts: Iterable[str]) -> str:
    known = list(texts)
    return JOINT.join(known) if any(known) else ""


def open_split(
    data_dir: str | Path, name: str, split: str, aus: Sequence[int]
) -> FaceSplit:
    """Open `split` ("train", "val[:80%]", ...) of the newest version of a data set.

    Args:
        data_dir: The folder of the prepared data sets.
        name: A data set, or several with + between them: "bp4d+disfa".
        split: The split, which each of them must have.
        aus: The AUs to return, by number.

    Raises:
        NoSuchSplit: a data set lacks the split, or it has no image.
        UserError: there is no such data set, it is damaged, or is named twice.
    """
    folder = Path(data_dir).expanduser()
    names = name.split(JOINT)
    if not all(names) or len(set(names)) < len(names):
        raise UserError(f"data set {name!r}: write + between different data sets")
    parts = tuple(_open_records(folder, one, split) for one in names)
    return FaceSplit(parts, tuple(aus))


def _open_records(data_dir: Path, name: str, split: str) -> Records:
    directory = newest_version(data_dir, name)
    try:
        info = open_builder(directory).info
        splits: Any = info.splits
        said = metadata.read(directory, info)
    except Exception as error:  # TFDS raises errors of many types
        raise not_prepared(directory, error) from error
    sizes = ", ".join(f"{key} ({splits[key].num_examples:,})" for key in splits)
    try:
        length = splits[split].num_examples
    except (KeyError, ValueError) as error:
        raise NoSuchSplit(
            f"{directory} has no split {split!r}; it has: {sizes}"
            " and parts of them, such as 'val[:80%]'"
        ) from error
    if length < 1:  # it is negative in 'val[5:2]'
        raise NoSuchSplit(f"{directory}: split {split!r} is empty; it has: {sizes}")
    return Records(
        directory=directory,
        split=split,
        coded_aus=said.aus,
        length=length,
        landmarks_by=said.landmarks_by,
        dataset=said.dataset,
        split_rule=said.split_rule(split),
        licence=said.licence,
    )


def labels(
    split: FaceSplit,
) -> tuple[Float[np.ndarray, "n a"], Bool[np.ndarray, "n a"]]:
    """Return AUs of all examples and whether they are known; decode no image."""
    found = []
    for part in split.parts:
        # The pictures are not kept: those of a large set would fill the memory.
        rows = (part.read(i) for i in range(part.length))
        pairs = [(row["aus"], row["aus_known"]) for row in rows]
        aus, known = map(np.stack, zip(*pairs, strict=True))
        found.append(select_aus(aus, known, part.coded_aus, split.aus))
    aus, known = zip(*found, strict=True)
    return np.concatenate(aus), np.concatenate(known)


def select_aus(
    aus: np.ndarray,
    known: np.ndarray,
    coded: Sequence[int],
    selected: Sequence[int],
) -> tuple[Float[np.ndarray, "n a"], Bool[np.ndarray, "n a"]]:
    """Return the columns of the selected AUs; an AU that is not coded is unknown.

    Args:
        aus: A column per coded AU.
        known: Likewise.
        coded: The AU of each column, by number.
        selected: The AUs to return, by number.
    """
    columns, exist = _columns(tuple(coded), tuple(selected))
    selected_known = known[:, columns] & exist
    return (aus[:, columns] * selected_known).astype(np.float32), selected_known


@functools.lru_cache(maxsize=16)
def _columns(
    coded: tuple[int, ...], selected: tuple[int, ...]
) -> tuple[Int[np.ndarray, "a"], Bool[np.ndarray, "a"]]:
    """Return the column of each selected AU, and whether it has one."""
    columns = [coded.index(au) if au in coded else 0 for au in selected]
    return np.array(columns, int), np.array([au in coded for au in selected], bool)
