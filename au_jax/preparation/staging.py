"""The hidden folder in which a data set is prepared, until it is complete."""

import contextlib
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from au_jax.preparation import writer
from au_jax.runtime import files

T = TypeVar("T")


def unfinished(final: Path) -> Path:
    """Return the folder of unfinished work for the version folder `final`."""
    return final.with_name(f".{writer.VERSION}.partial")


@contextlib.contextmanager
def locked(staging: Path) -> Iterator[Path]:
    """Create the folder of unfinished work, and hold its lock.

    Raises:
        UserError: another process holds the lock.
    """
    with files.locked(staging, f"preparing in {staging.parent}", "lock"):
        (staging / "faces").mkdir(exist_ok=True)
        yield staging


def publish(staging: Path, final: Path) -> None:
    """Move the complete data set to `final`, and remove the unfinished work."""
    old = staging / "old"
    shutil.rmtree(old, ignore_errors=True)
    if final.exists():
        final.rename(old)
    (staging / "data").rename(final)
    shutil.rmtree(staging)


def pausing(items: Iterable[T], pause: Callable[[], None]) -> Iterator[T]:
    """Yield the items, and call `pause` before each."""
    for item in items:
        pause()
        yield item
