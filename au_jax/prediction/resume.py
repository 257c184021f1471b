"""The state of a run in its folder, and whether the same command may resume it."""

import contextlib
import dataclasses
import hashlib
import json
import logging
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from au_jax.errors import UserError
from au_jax.model_file import card as cards
from au_jax.prediction import rows
from au_jax.prediction.detector import Detector
from au_jax.prediction.inputs import Source
from au_jax.prediction.rows import TABLE
from au_jax.prediction.search import Options, Position
from au_jax.runtime.files import read_regular, write_whole

LOG = logging.getLogger(__name__)

CARD, PROGRESS, SETTINGS = "model.json", "progress.json", "settings.json"
REPORT, OVERLAY = "report.html", "overlay"

_MAX_OWN = 1 << 26  # bytes of a file of ours that is read back


def save_progress(
    out: Path, position: Position, counts: Counter[str], size: int
) -> None:
    """Record that the first `size` bytes of the table hold all before `position`."""
    entry = dataclasses.asdict(position) | {"bytes": size, "rows": dict(counts)}
    write_whole(out / PROGRESS, json.dumps(entry))


def resume(
    detector: Detector, sources: Sequence[Source], out: Path, options: Options
) -> tuple[Position, Counter[str]]:
    """Return the position to resume from and the counts of the rows before it.

    A new run writes the header and its settings. A resumed one truncates the table to
    the rows that were recorded as complete.
    """
    settings = _settings(detector, sources, options)
    path, table, progress = out / SETTINGS, out / TABLE, out / PROGRESS
    foreign = [out / n for n in (TABLE, CARD, REPORT, OVERLAY) if (out / n).exists()]
    if foreign and not path.exists():
        raise UserError(f"{foreign[0]} was not written by au_jax; give another --out")
    if path.exists():
        before = _read_own(path, ())
        changed = [key for key in settings if before.get(key) != settings[key]]
        if changed:
            raise UserError(
                f"{out} holds results of other {', '.join(changed)}; give another --out"
            )
    if not progress.exists():
        write_whole(path, json.dumps(settings, indent=2) + "\n")
        card = cards.without_arrays(detector.model.card)
        write_whole(out / CARD, json.dumps(card, indent=2) + "\n")
        header = rows.to_text([rows.columns(detector.model.aus)])
        table.write_bytes(header)
        save_progress(out, Position(), Counter(), len(header))
    entry = _read_own(progress, ("source", "frame", "bytes", "rows"))
    size = table.stat().st_size if table.exists() else 0
    if size < entry["bytes"]:
        raise UserError(
            f"{table} is shorter than when it was written; remove {out} to start again"
        )
    with table.open("r+b") as file:
        file.truncate(entry["bytes"])
    position = Position(entry["source"], entry["frame"], entry["tracker"])
    if sources[0].kind == "camera" and position != Position():
        LOG.warning(
            "%s already holds a recording; give another --out for a new one", out
        )
        position = Position(len(sources))
    return position, Counter(entry["rows"])


def _read_own(path: Path, keys: Iterable[str]) -> dict[str, Any]:
    """Read a file that this module wrote.

    Raises:
        UserError: it is damaged.
    """
    try:
        entry = json.loads(read_regular(path, _MAX_OWN))
        intact = isinstance(entry, dict) and set(keys) <= set(entry)
    except (OSError, ValueError, RecursionError):
        entry, intact = {}, False
    if not intact:
        raise UserError(f"{path} is damaged; remove {path.parent} to start again")
    return entry


def _states(sources: Sequence[Source]) -> str:
    """Return a digest of the size and time of each input."""
    digest = hashlib.sha256()
    for source in sources:
        state = (0, 0)
        with contextlib.suppress(OSError, ValueError):
            status = os.stat(source.file)
            state = status.st_size, status.st_mtime_ns
        if source.kind == "image" and os.path.isdir(source.file):
            state = (0, 0)  # a folder that cannot be read
        digest.update(f"{state}".encode())
    return digest.hexdigest()


def _settings(
    detector: Detector, sources: Sequence[Source], options: Options
) -> dict[str, Any]:
    """Return everything that the rows depend on; resuming requires the same."""
    names = "\n".join(source.file for source in sources)
    return {
        "model": detector.model.card["sha256"],
        "thresholds": detector.thresholds.tolist(),
        "path": detector.path,
        "options": dataclasses.asdict(options),
        "inputs": len(sources),
        "names of the inputs (SHA-256)": hashlib.sha256(
            names.encode(errors="surrogateescape")
        ).hexdigest(),
        "sizes and times of the inputs (SHA-256)": _states(sources),
    }
