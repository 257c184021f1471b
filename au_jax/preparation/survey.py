"""What a raw set holds, before any image is opened."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from au_jax.preparation import chunks, writer
from au_jax.raw.row import Reject, Row

Item = Row | Reject


@dataclass(frozen=True)
class Survey:
    """The first of the two passes over a reader's sequence."""

    aus: tuple[int, ...]
    """The AUs that somebody coded in some image, ascending."""
    images: int
    """Rows with an image, usable or not."""
    fingerprint: str
    """Changes when a row, an image file or a setting does."""


def look_through(items: Iterable[Item], raw: Path, seed: int) -> Survey:
    """Goes over all rows, and over the size and time of their image files."""
    digest = hashlib.sha256(f"{writer.VERSION} {chunks.SETTINGS} {seed}".encode())
    aus: set[int] = set()
    images = 0
    for item in items:
        digest.update(repr(item).encode())
        if isinstance(item, Row):
            digest.update(chunks.stamp(raw / item.file).encode())
            aus.update(item.aus)
            images += 1
    return Survey(tuple(sorted(aus)), images, digest.hexdigest())
