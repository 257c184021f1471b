"""What every reader of a raw data set yields: usable rows and rejections, in order.

A reader is one function, `read(raw, seed) -> Iterator[Row | Reject]`, that gives the
same sequence whenever it is called on the same tree: preparation calls it twice, once
to learn which AUs are coded and once to work. Adding a data set is writing one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    """An image and what is known about it."""

    path: str
    """Relative to the raw folder, with forward slashes. Unique."""
    split: str
    """train, val or test."""
    subject: str = ""
    task: str = ""
    frame: int = 0
    aus: Mapping[int, bool] = field(default_factory=dict)
    """AU number -> active. AUs that nobody coded in this image are left out."""
    landmarks: bytes = b""
    """49 x 2 float32, x and y in pixels of the picture; empty: they are to be found."""
    video: str = ""
    """The video, relative to the raw folder, of which the picture is frame `frame`."""

    @property
    def file(self) -> str:
        """The file that holds the picture, relative to the raw folder."""
        return self.video or self.path


@dataclass(frozen=True)
class Reject:
    """A file or label row that cannot be used, and why."""

    path: str
    reason: str
    """One word of a small fixed set, for counting."""
    detail: str = ""
