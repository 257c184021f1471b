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
from au_jax.faces import detect
from au_jax.model_file import card as cards
from au_jax.prediction import baseline, rows
from au_jax.prediction.detector import Detector
from au_jax.prediction.inputs import OVERLAY, Source
from au_jax.prediction.rows import TABLE
from au_jax.prediction.search import Position, SearchOptions
from au_jax.runtime.files import open_regular, read_regular, write_whole

LOG = logging.getLogger(__name__)

CARD, PROGRESS, SETTINGS = "model.json", "progress.json", "settings.json"
REPORT = "report.html"

_MAX_OWN = 1 << 26  # bytes of a file of ours that is read back
_MAX_LANDMARKS = 1 << 32  # bytes of a file of known landmarks


@dataclasses.dataclass
class Progress:
    """How far a run is; the table holds the rows of everything before `position`."""

    position: Position
    counts: Counter[str]
    """Rows by status."""
    size: int = 0
    """Bytes of the table."""
    digest: Any = dataclasses.field(default_factory=hashlib.sha256)
    """The running SHA-256 of these bytes."""

    def add(self, rows: bytes) -> None:
        """Count bytes that were appended to the table."""
        self.size += len(rows)
        self.digest.update(rows)

    def save(self, out: Path) -> None:
        """Write it into the folder of the run."""
        entry = dataclasses.asdict(self.position) | {
            "bytes": self.size,
            "rows": dict(self.counts),
            "table (SHA-256)": self.digest.hexdigest(),
        }
        write_whole(out / PROGRESS, json.dumps(entry | {"sha256": _digest(entry)}))


def _load(out: Path) -> Progress:
    """Read the progress of a run, and cut its table to the rows that were recorded.

    Raises:
        UserError: the progress or the table is damaged, or may not be written.
    """
    entry = _read_own(out / PROGRESS, ("sha256",))
    if entry.pop("sha256") != _digest(entry):
        raise _damaged(out / PROGRESS)
    position = Position(entry["source"], entry["frame"], entry["tracker"])
    progress = Progress(position, Counter(entry["rows"]))
    table = out / TABLE
    try:
        with open_regular(table) as file:
            while part := file.read(min(1 << 20, entry["bytes"] - progress.size)):
                progress.add(part)
        if progress.digest.hexdigest() != entry["table (SHA-256)"]:
            raise _damaged(table)
        with table.open("r+b") as file:
            file.truncate(progress.size)
    except OSError as error:
        raise _damaged(table, error) from None
    return progress


def resume(
    detector: Detector, sources: Sequence[Source], out: Path, options: SearchOptions
) -> Progress:
    """Return the progress of the run in a folder.

    A new run writes the header and its settings. A resumed one truncates the table to
    the rows that were recorded as complete.

    Raises:
        UserError: the folder holds something else, other results, or damaged ones.
    """
    settings = _settings(detector, sources, options)
    path = out / SETTINGS
    ours = (TABLE, CARD, PROGRESS, REPORT, OVERLAY, baseline.TABLE, baseline.LEVELS)
    ours += (rows.PARQUET, rows.OPENFACE)
    foreign = [out / name for name in ours if (out / name).exists()]
    if foreign and not path.exists():
        raise UserError(f"{foreign[0]} was not written by au_jax; give another --out")
    if path.exists():
        before = _read_own(path, ())
        changed = [key for key in settings if before.get(key) != settings[key]]
        if changed and _has_rows(out):
            raise UserError(
                f"{out} holds results of other {', '.join(changed)}; give another --out"
            )
        if changed:
            (out / PROGRESS).unlink(missing_ok=True)
    if not (out / PROGRESS).exists():
        write_whole(path, json.dumps(settings, indent=2) + "\n")
        card = cards.without_arrays(detector.model.card)
        write_whole(out / CARD, json.dumps(card, indent=2) + "\n")
        header = rows.to_text([rows.columns(detector.model.aus)])
        write_whole(out / TABLE, header)
        first = Progress(Position(), Counter())
        first.add(header)
        first.save(out)
    progress = _load(out)
    if sources[0].kind == "camera" and progress.position != Position():
        LOG.warning(
            "%s already holds a recording; give another --out for a new one", out
        )
        progress.position = Position(len(sources))
    return progress


def check_same_model(table: Path, detector: Detector) -> None:
    """Check that a finished table holds answers of this model, by this path.

    The settings beside it say so; a table that was moved away from them is believed.

    Raises:
        UserError: another model, or another path, gave them.
    """
    try:
        before = json.loads(read_regular(table.parent / SETTINGS, _MAX_OWN))
    except (OSError, ValueError, RecursionError):
        return
    if table.name != TABLE or not isinstance(before, dict):
        return
    now = {"model": detector.model.card["sha256"], "path": detector.path}
    for key, value in now.items():
        if before.get(key, value) != value:
            raise UserError(
                f"--baseline={table} holds answers of another {key}; predict the"
                " neutral pictures again"
            )


def _has_rows(out: Path) -> bool:
    """Return whether an earlier run wrote a row, or may have: its progress is gone."""
    return not (out / PROGRESS).exists() or bool(_load(out).counts)


def _read_own(path: Path, keys: Iterable[str]) -> dict[str, Any]:
    """Read a file that this module wrote.

    Raises:
        UserError: it is damaged, or may not be read.
    """
    try:
        entry = json.loads(read_regular(path, _MAX_OWN))
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(path, error) from None
    if not (isinstance(entry, dict) and set(keys) <= set(entry)):
        raise _damaged(path)
    return entry


def _damaged(path: Path, error: Exception | None = None) -> UserError:
    if isinstance(error, PermissionError):  # intact: nobody should remove it
        return UserError(
            f"cannot read and write {path}: {error.strerror}; allow it, or give another"
            " --out"
        )
    return UserError(
        f"{path} is damaged, or was changed after it was written; give another --out,"
        f" or remove {path.parent} to start again if nothing else is in it"
    )


def _digest(entry: dict[str, Any]) -> str:
    """Return the SHA-256 of a JSON object, which does not depend on its order."""
    return hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()


def _landmarks(detector: Detector, options: SearchOptions) -> str:
    """Return a text that changes whenever the same face gets other landmarks."""
    if options.known:
        text = read_regular(options.known.file, _MAX_LANDMARKS)
        return f"file {hashlib.sha256(text).hexdigest()}, base {options.known.base}"
    return detect.version(detector.landmarks_by)


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
    detector: Detector, sources: Sequence[Source], options: SearchOptions
) -> dict[str, Any]:
    """Return everything that the rows depend on; resuming requires the same."""
    card = cards.without_arrays(detector.model.card)
    names = "\n".join(source.file for source in sources)
    return {
        "model": detector.model.card["sha256"],
        "card of the model (SHA-256)": _digest(card),
        "thresholds": detector.thresholds.tolist(),
        "path": detector.path,
        "columns": len(rows.columns(detector.model.aus)),
        "options": {"every": options.every, "whole": options.whole},
        "landmarks": _landmarks(detector, options),
        "inputs": len(sources),
        "names of the inputs (SHA-256)": hashlib.sha256(
            names.encode(errors="surrogateescape")
        ).hexdigest(),
        "sizes and times of the inputs (SHA-256)": _states(sources),
    }
