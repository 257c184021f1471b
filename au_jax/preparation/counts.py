"""Counts of a preparation: images read, kept and rejected, and AUs by split."""

import collections
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from au_jax.raw.row import Reject, Row
from au_jax.runtime.files import read_regular

SPLITS = ("train", "val", "test")
_OF_SPLIT = ("images", "subjects")  # the counts of a split beside those of its AUs
_MAX_BYTES = 1 << 24  # of counts.json


@dataclass
class Counts:
    """Running counts."""

    aus: Sequence[int]
    rejected: collections.Counter[str] = field(default_factory=collections.Counter)
    images: collections.Counter[str] = field(default_factory=collections.Counter)
    subjects: dict[str, set[str]] = field(default_factory=dict)
    known: dict[str, collections.Counter[int]] = field(default_factory=dict)
    active: dict[str, collections.Counter[int]] = field(default_factory=dict)

    def keep(self, row: Row) -> None:
        """Count a kept image."""
        self.images[row.split] += 1
        self.subjects.setdefault(row.split, set()).add(row.subject)
        known = self.known.setdefault(row.split, collections.Counter())
        active = self.active.setdefault(row.split, collections.Counter())
        known.update(row.aus.keys())
        active.update(au for au, on in row.aus.items() if on)

    def reject(self, reject: Reject) -> None:
        """Count a rejected file or row."""
        self.rejected[reject.reason] += 1

    def report(self) -> dict[str, Any]:
        """Return all counts as JSON values; read = kept + rejected."""
        kept, rejected = self.images.total(), self.rejected.total()
        return {
            "read": kept + rejected,
            "kept": kept,
            "rejected": dict(sorted(self.rejected.items())),
            "splits": {
                split: {
                    "images": self.images[split],
                    "subjects": len(self.subjects[split] - {""}),
                    "aus": {
                        str(au): {
                            "known": self.known[split][au],
                            "active": self.active[split][au],
                        }
                        for au in self.aus
                    },
                }
                for split in SPLITS
                if split in self.images
            },
        }


def read_counts(directory: Path) -> dict[str, Any] | None:
    """Return the content of `counts.json`, or None if there is no such file.

    Raises:
        ValueError: it is damaged, or another program wrote it.
        OSError: it cannot be read.
    """
    file = directory / "counts.json"
    if not file.exists():
        return None
    counts = json.loads(read_regular(file, _MAX_BYTES))
    try:
        cells = [
            (name, cell["known"], cell["active"])
            for split in counts["splits"].values()
            for name, cell in split["aus"].items()
        ]
        numbers = [
            counts["read"],
            *counts["rejected"].values(),
            *(split[key] for split in counts["splits"].values() for key in _OF_SPLIT),
            *(number for cell in cells for number in cell[1:]),
        ]
        intact = all(type(number) is int and number >= 0 for number in numbers)
        intact &= all(name.isdecimal() for name, *_ in cells)
    except (KeyError, TypeError, AttributeError):
        intact = False
    if not intact:
        raise ValueError("counts.json does not hold the counts of a preparation")
    return counts


def table(report: dict[str, Any]) -> str:
    """Return the counts as text for the terminal."""
    reasons = [f"{reason} {n}" for reason, n in report["rejected"].items()]
    rejected = sum(report["rejected"].values())
    splits = report["splits"]
    lines = [
        f"read {report['read']}, kept {report['kept']}, rejected {rejected}"
        + (f" ({', '.join(reasons)})" if reasons else ""),
        *(
            f"{name}: {split['images']} images"
            + (f" of {split['subjects']} subjects" if split["subjects"] else "")
            for name, split in splits.items()
        ),
    ]
    aus = sorted({int(au) for split in splits.values() for au in split["aus"]})
    if aus:
        lines.append(_line("active / known", splits))
    for au in aus:
        cells = (split["aus"][str(au)] for split in splits.values())
        lines.append(
            _line(f"AU {au}", (f"{cell['active']} / {cell['known']}" for cell in cells))
        )
    return "\n".join(lines)


def _line(name: str, cells: Iterable[str]) -> str:
    return f"{name:<15}" + "".join(f"{cell:>17}" for cell in cells)
