"""The items that readers of raw data sets yield: usable rows, and rejects.

A reader is a function `read(raw, seed) -> Iterator[Row | Reject]` that yields the same
sequence each time for the same tree: preparation calls it once to learn which AUs are
coded, and once to do the work. To add a data set, write a reader.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    """An image and its labels."""

    path: str
    """Relative to the raw folder, with forward slashes. Unique."""
    split: str
    """train, val or test."""
    subject: str = ""
    task: str = ""
    frame: int = 0
    aus: Mapping[int, bool] = field(default_factory=dict)
    """AU number -> active; AUs that are not coded in this image are absent."""
    landmarks: bytes = b""
    """Known landmarks, 49 x 2 float32 in pixels of the picture; empty if unknown."""
    video: str = ""
    """The video that holds the picture as frame `frame`, relative to the raw folder."""
    intensities: Mapping[int, int] = field(default_factory=dict, repr=False)
    """AU number -> 0 to 5, where the set states how strong its AUs are."""
    split_rule: str = field(default="", repr=False, compare=False)
    """Who chose `split`, in the words of `raw/splits.py`."""

    @property
    def file(self) -> str:
        """The file that holds the picture, relative to the raw folder."""
        return self.video or self.path


def is_text(path: str) -> bool:
    """Return whether a path is text; names of files may be any bytes."""
    return not any("\ud800" <= letter <= "\udfff" for letter in path)


@dataclass(frozen=True)
class Reject:
    """A file or label row that cannot be used, and why."""

    path: str
    reason: str
    """One word out of a small fixed set, by which rejects are counted."""
    detail: str = ""
