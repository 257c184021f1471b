"""Names of images with a number each, on disk: sets may have millions of them."""

import errno
import os
import sqlite3
import weakref
from collections.abc import Iterator

_CACHE = 16_000  # KiB of memory; what does not fit goes to a temporary file


class Names:
    """A set of names, in the order in which they came, with a whole number for each.

    The file has no name and vanishes with the object, however the program ends.
    """

    def __init__(self) -> None:
        """Without names."""
        # Whichever thread collects the object closes it.
        self._table = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._table.close)
        for setting in (
            f"PRAGMA cache_size = -{_CACHE}",
            "PRAGMA journal_mode = OFF",
            "PRAGMA synchronous = OFF",
            "CREATE TABLE names (name BLOB UNIQUE, value INTEGER)",
            "BEGIN",  # one transaction: nothing is written but for want of memory
        ):
            self._table.execute(setting)

    def get(self, name: str) -> int | None:
        """The number of a name; None where it is unknown."""
        row = self._table.execute(
            "SELECT value FROM names WHERE name = ?", (os.fsencode(name),)
        ).fetchone()
        return row and row[0]

    def setdefault(self, name: str, value: int) -> int:
        """Adds a name unless it is there; the number that it then has.

        Raises:
            OSError: there is no room for temporary files.
        """
        row = os.fsencode(name), value
        try:
            done = self._table.execute("INSERT OR IGNORE INTO names VALUES (?, ?)", row)
        except sqlite3.OperationalError as error:  # the disk of temporary files is full
            raise OSError(errno.ENOSPC, f"for temporary files: {error}") from error
        found = value if done.rowcount else self.get(name)
        assert found is not None
        return found

    def add(self, name: str) -> None:
        """Adds a name, with the number 0 unless it has one."""
        self.setdefault(name, 0)

    def __contains__(self, name: str) -> bool:
        """Whether the name is known."""
        return self.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        """The names in the order in which they came."""
        for (name,) in self._table.execute("SELECT name FROM names ORDER BY rowid"):
            yield os.fsdecode(name)

    def __bool__(self) -> bool:
        """Whether there is any."""
        row = self._table.execute("SELECT 1 FROM names LIMIT 1").fetchone()
        return row is not None
