"""Statistics of a prepared data set, from one pass over its records.

Images are not decoded. Memory holds 8 bytes per image, and the names of the subjects.
"""

import array
import collections
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt64

from au_jax.data.split import FaceSplit
from au_jax.errors import UserError
from au_jax.faces.align import SIZE
from au_jax.faces.landmarks import LEFT_EYE, MOUTH_CORNERS, RIGHT_EYE, eye_distance

NAMED = 20  # examples that are named per fault
# In an upright aligned face the eyes are 60 to 75 pixels apart.
NEAREST_EYES = 25


@dataclass
class SplitStatistics:
    """Running counts of one split; `a` is the number of AUs."""

    known: Int[np.ndarray, "a"]
    active: Int[np.ndarray, "a"]
    together: Int[np.ndarray, "a a"]
    """Images in which both AUs are active; the diagonal is `active`."""
    images: int = 0
    subjects: collections.Counter[str] = field(default_factory=collections.Counter)
    tasks: collections.Counter[str] = field(default_factory=collections.Counter)
    pixels: array.array = field(default_factory=lambda: array.array("Q"))
    """A hash of each image's pixels, in the order of the records."""
    faults: dict[str, list[str]] = field(default_factory=dict)
    """By fault: the first images that have it."""
    fault_counts: collections.Counter[str] = field(default_factory=collections.Counter)

    def add(self, record: Mapping[str, Any]) -> None:
        """Count a stored example."""
        self.images += 1
        self.subjects[record["subject"].decode()] += 1
        self.tasks[record["task"].decode()] += 1
        active = np.logical_and(record["aus"], record["aus_known"])
        self.known += record["aus_known"]
        self.active += active
        self.together += np.outer(active, active)
        self.pixels.append(pixel_hash(record["image"]))
        for fault in landmark_faults(record["landmarks"]):
            self.note(fault, record["path"].decode(errors="replace"))

    def note(self, fault: str, where: str) -> None:
        """Count a fault, and remember its first places."""
        self.fault_counts[fault] += 1
        if self.fault_counts[fault] <= NAMED:
            self.faults.setdefault(fault, []).append(where)


def empty(num_aus: int) -> SplitStatistics:
    """Return the statistics of no records."""
    zeros = lambda *shape: np.zeros(shape, np.int64)
    return SplitStatistics(zeros(num_aus), zeros(num_aus), zeros(num_aus, num_aus))


def pixel_hash(jpeg: bytes) -> int:
    """Hash an aligned face: equal pixels have equal bytes, encoded in the same way."""
    return int.from_bytes(hashlib.blake2b(jpeg, digest_size=8).digest(), "big")


def landmark_faults(landmarks: Float[np.ndarray, "49 2"]) -> list[str]:
    """Return what is implausible about landmarks, in words; usually nothing."""
    if not np.isfinite(landmarks).all():
        return ["landmarks that are not finite"]
    faults = []
    if landmarks.min() < 0 or landmarks.max() > SIZE - 1:
        faults.append("landmarks outside the image")
    if eye_distance(landmarks) < NEAREST_EYES:
        faults.append(f"eyes nearer than {NEAREST_EYES} pixels")
    eyes = landmarks[[*range(LEFT_EYE.start, RIGHT_EYE.stop)], 1].mean()
    left, right = landmarks[list(MOUTH_CORNERS)]
    # Alignment rotates mirrored points by 180 degrees: level eyes, but mouth on top.
    if left[0] >= right[0] or min(left[1], right[1]) <= eyes:
        faults.append("landmarks that are mirrored or in another order")
    return faults


def count(
    split: FaceSplit, pause: Callable[[], None] = lambda: None
) -> SplitStatistics:
    """Count all records of a split; a damaged record is a fault."""
    statistics = empty(len(split.coded_aus))
    for index in range(len(split)):
        pause()
        try:
            record = split.record(index)
        except UserError as error:
            statistics.note("damaged records", str(error))
            statistics.pixels.append(pixel_hash(str(error).encode()))  # like no other
            continue
        statistics.add(record)
    return statistics


@dataclass(frozen=True)
class Repeated:
    """Images of equal pixels."""

    groups: list[list[tuple[str, int]]]
    """Split and index of the images of each group; long lists are cut."""
    num_groups: int
    shared: dict[str, int]
    """By split: how many of its images occur in another split, too."""


def repeated(splits: Mapping[str, SplitStatistics], most: int = 1000) -> Repeated:
    """Find images that occur in the data set more than once; list `most` groups."""
    pixels = {name: np.array(s.pixels, np.uint64) for name, s in splits.items()}
    shared = {
        name: int(np.isin(some, _others(pixels, name)).sum())
        for name, some in pixels.items()
    }
    values, counts = np.unique(
        np.concatenate(list(pixels.values())), return_counts=True
    )
    twice = values[counts > 1]
    groups: dict[int, list[tuple[str, int]]] = {int(v): [] for v in twice[:most]}
    for name, some in pixels.items():
        listed: collections.Counter[int] = collections.Counter()
        for index in np.flatnonzero(np.isin(some, twice[:most])):
            value = int(some[index])
            listed[value] += 1
            if listed[value] <= NAMED:
                groups[value].append((name, int(index)))
    return Repeated(list(groups.values()), len(twice), shared)


def _others(
    pixels: Mapping[str, UInt64[np.ndarray, " n"]], name: str
) -> UInt64[np.ndarray, " m"]:
    rest = [some for other, some in pixels.items() if other != name]
    return np.concatenate(rest) if rest else np.zeros(0, np.uint64)
