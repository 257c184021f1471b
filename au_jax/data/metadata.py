"""What a prepared data set says of itself: its metadata.json."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from au_jax.errors import printable
from au_jax.faces.drawing import licensed_as

RENDERED = ("faces_lab", "faces_wild")  # these are made without a raw folder
REENACTED = "reenacted"  # this one is made of photographs

FILE = "metadata.json"


@dataclasses.dataclass(frozen=True)
class Metadata:
    """The metadata of a data set, as `preparation/writer.py` stores them."""

    name: str
    """The name of its folder."""
    aus: tuple[int, ...]
    """The AUs that it codes."""
    landmarks_by: str
    """The origin of the landmarks: "au_jax", "dlib68", "file" or "rendering"."""
    dataset: str = ""
    """The raw set that was read (`prepare --dataset`), whatever `name` is; "" if it is
    not known: older versions stored it only if `name` is another."""
    split_rules: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """By split: who chose its images (`raw/splits.py`); empty in older versions."""
    licence: str = ""
    """The licence of its pictures, if `prepare --licence` states it."""

    @property
    def licensed_as(self) -> str:
        """The licensed set that the pictures are of, or ""."""
        return licensed_as(self.name, self.dataset, self.licence)

    def split_rule(self, split: str) -> str:
        """Return the rule of a split or of a part of it, or ""."""
        return self.split_rules.get(split.partition("[")[0], "")


def read(directory: Path, info: Any) -> Metadata:
    """Return the metadata of a version folder.

    Args:
        directory: The folder: DATA_DIR/NAME/VERSION.
        info: What TFDS has read of it.

    Raises:
        KeyError, TypeError, ValueError: they are not those of our writer.
    """
    name, stored = directory.parent.name, info.metadata
    # Older versions knew one method, and rendered sets need none.
    older = "rendering" if name in RENDERED else "dlib68"
    # They also wrote the raw set as the name of the records.
    written_as = "" if info.name == name else info.name
    return Metadata(
        name=name,
        aus=tuple(int(au) for au in stored["aus"]),
        landmarks_by=str(stored.get("landmarks_by", older)),
        dataset=printable(str(stored.get("dataset", written_as))),
        split_rules={
            str(split): printable(str(rule))
            for split, rule in dict(stored.get("split_rules", {})).items()
        },
        licence=printable(str(stored.get("licence", ""))),
    )
