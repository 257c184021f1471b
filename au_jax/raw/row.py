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


@dataclass(frozen=True)
class Reject:
    """A file or label row that cannot be used, and why."""

    path: str
    reason: str
    """One word of a small fixed set, for counting."""
    detail: str = ""
