"""Store the names of images on disk, because sets may have millions of them."""

import errno
import os
import sqlite3
import weakref
from collections.abc import Iterator

_CACHE = 16_000  # KiB of memory; what does not fit goes to a temporary file


class Names:
    """A set of names in the order of insertion, with an integer for each.

    The temporary file has no name; it vanishes with the object or the program.
    """

    def __init__(self) -> None:
        """Create an empty set."""
        # Any thread may collect the object, and then closes it.
        self._table = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._table.close)
        for setting in (
            f"PRAGMA cache_size = -{_CACHE}",
            "PRAGMA journal_mode = OFF",
            "PRAGMA synchronous = OFF",
            "CREATE TABLE names (name BLOB UNIQUE, value INTEGER)",
            "BEGIN",  # one transaction, so pages are written only if memory runs out
        ):
            self._table.execute(setting)

    def get(self, name: str) -> int | None:
        """Return the number of a name, or None if it is unknown."""
        row = self._table.execute(
            "SELECT value FROM names WHERE name = ?", (os.fsencode(name),)
        ).fetchone()
        return row and row[0]

    def setdefault(self, name: str, value: int) -> int:
        """Add a name if it is new; return its number, old or new.

        Raises:
            OSError: the disk of temporary files is full.
        """
        row = os.fsencode(name), value
        try:
            done = self._table.execute("INSERT OR IGNORE INTO names VALUES (?, ?)", row)
        except sqlite3.OperationalError as error:  # the disk of temporary files is full
            raise OSError(errno.ENOSPC, f"for temporary files: {error}") from error
        number = value if done.rowcount else self.get(name)
        assert number is not None
        return number

    def add(self, name: str) -> None:
        """Add a name; its number is 0 if it is new."""
        self.setdefault(name, 0)

    def __contains__(self, name: str) -> bool:
        """Return whether the name is known."""
        return self.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        """Yield the names in the order of insertion."""
        for (name,) in self._table.execute("SELECT name FROM names ORDER BY rowid"):
            yield os.fsdecode(name)

    def __bool__(self) -> bool:
        """Return whether there is a name."""
        row = self._table.execute("SELECT 1 FROM names LIMIT 1").fetchone()
        return row is not None
