"""What is made from the table: it goes when the table that it shows is another one.

Without this, a second run with another `--baseline` would leave the page or Parquet
file of the first one beside its own answers.
"""

import contextlib
import hashlib
import json
from collections.abc import Collection
from pathlib import Path

from au_jax.prediction import openface
from au_jax.prediction.inputs import MADE_FROM, OVERLAY
from au_jax.prediction.resume import REPORT
from au_jax.prediction.rows import OPENFACE, PARQUET
from au_jax.prediction.views import overlay
from au_jax.runtime.files import write_whole

RECORD = ".made_from.json"
"""The SHA-256 of the table of each result; that of the overlay is in its folder."""


def renew(table: Path, out: Path, wanted: Collection[str]) -> list[str]:
    """Remove the results of another table, and record what is made from this one.

    Args:
        table: The table that results are made from now.
        out: The folder of the results.
        wanted: The results that are written next: PARQUET, OPENFACE, REPORT, OVERLAY.

    Returns:
        The removed results that are not wanted.
    """
    with table.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    record = _read(out)
    stale = [name for name, made_from in record.items() if made_from != digest]
    there = {name for name in stale if (out / name).exists()}
    for name in stale:
        if name == OVERLAY:
            overlay.remove(table, out / name)
        elif name == OPENFACE:
            openface.remove(table, out / name)
        else:
            (out / name).unlink(missing_ok=True)
    kept = {*record, *wanted}.difference({OVERLAY}, {*stale}.difference(wanted))
    if kept or stale:
        write_whole(out / RECORD, json.dumps(dict.fromkeys(sorted(kept), digest)))
    return [name for name in stale if name in there.difference(wanted)]


def _read(out: Path) -> dict[str, str]:
    """Return the SHA-256 of the table of each result that au_jax wrote."""
    found = {}
    with contextlib.suppress(OSError, ValueError, AttributeError):
        entry = json.loads((out / RECORD).read_text())
        found = {name: entry.get(name) for name in (PARQUET, OPENFACE, REPORT)}
    with contextlib.suppress(OSError, ValueError):
        found[OVERLAY] = (out / OVERLAY / MADE_FROM).read_text()
    return {name: digest for name, digest in found.items() if digest}
