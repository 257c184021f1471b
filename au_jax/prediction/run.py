"""A run of prediction: rows are appended as they come, and it can be interrupted."""

import contextlib
import dataclasses
import hashlib
import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from au_jax.errors import UserError
from au_jax.prediction import rows
from au_jax.prediction.detector import BATCH, Detector
from au_jax.prediction.inputs import Source
from au_jax.prediction.search import Found, Position, Seconds, light, search
from au_jax.prediction.views.live import Show
from au_jax.runtime.files import write_whole

LOG = logging.getLogger(__name__)

TABLE, CARD = "aus.csv", "model.json"
PROGRESS, SETTINGS = "progress.json", "settings.json"

_FRAMES = 32  # at most in one chunk, where few have a face


@dataclasses.dataclass(frozen=True)
class Options:
    """How faces are looked for."""

    every: int = 10
    """The whole picture of a video is searched in every n-th frame."""
    whole: bool = False
    """Each picture is one face, cut out and aligned already."""


@dataclasses.dataclass(frozen=True)
class Summary:
    """What a run found, all its parts together."""

    rows: dict[str, int]
    """Number of rows by status."""
    frames: int
    """Of this part alone, as what follows."""
    wall: float
    seconds: Seconds

    @property
    def all_ok(self) -> bool:
        """Whether each row has a face that was found with confidence."""
        return set(self.rows) <= {"ok"}


def predict(
    detector: Detector,
    sources: Sequence[Source],
    out: Path,
    options: Options,
    pause: Callable[[], None] = lambda: None,
    show: Show | None = None,
) -> Summary:
    """Writes the table of all sources into `out`, or goes on with it.

    Args:
        detector: The model.
        sources: The inputs, in the order of the table.
        out: A folder; made where there is none.
        options: Of the search.
        pause: Called between chunks; what it raises ends the run, which the same call
            continues. A KeyboardInterrupt is the end of a camera's recording, whose
            summary is returned.
        show: Given the last frame of each chunk, with its picture, and all its rows.

    Raises:
        UserError: `out` holds the results of other inputs, settings or another model.
    """
    out.mkdir(parents=True, exist_ok=True)
    position, counts = _resume(detector, sources, out, options)
    seconds, began, frames = Seconds(), time.perf_counter(), 0
    how = (options.every, options.whole, seconds, show is not None)
    found = search(detector, sources, position, *how)
    with (out / TABLE).open("ab") as table:
        with _endless(sources), contextlib.closing(found):
            for chunk in _chunks(found):
                frames += len(chunk)
                lines = _rows(detector, chunk, seconds)
                clock = time.perf_counter()
                counts.update(line[4] for line in lines)
                table.write(rows.to_text(lines))
                table.flush()
                _save(out, chunk[-1].after, counts, table.tell())
                seconds.output += time.perf_counter() - clock
                if show:
                    show(chunk[-1].frame, lines)
                pause()
        _save(out, Position(len(sources)), counts, table.tell())
    return Summary(dict(counts), frames, time.perf_counter() - began, seconds)


def _endless(sources: Sequence[Source]) -> contextlib.AbstractContextManager[None]:
    """A camera alone does not end by itself: Ctrl-C ends what is done in here."""
    camera = any(source.kind == "camera" for source in sources)
    return (
        contextlib.suppress(KeyboardInterrupt) if camera else contextlib.nullcontext()
    )


def _chunks(found: Iterator[Found]) -> Iterator[list[Found]]:
    """Frames until one batch of faces is full."""
    chunk: list[Found] = []
    for item in found:
        chunk[-1:] = map(light, chunk[-1:])  # the last one may be shown, no other
        chunk.append(item)
        live = item.frame.source.kind == "camera"
        full = sum(len(other.crops) for other in chunk) >= BATCH
        if live or full or len(chunk) >= _FRAMES:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _rows(detector: Detector, chunk: list[Found], seconds: Seconds) -> list[list[str]]:
    clock = time.perf_counter()
    crops = [crop for found in chunk for crop in found.crops]
    values = iter(detector.probabilities(crops))
    seconds.network += time.perf_counter() - clock
    clock = time.perf_counter()
    lines = []
    for found in chunk:
        for number, face in found.faces:
            p = next(values)
            active = p >= detector.thresholds
            lines.append(rows.face_row(found.frame, number, face, p, active))
        if not found.faces:
            lines.append(rows.empty_row(found.frame, detector.model.aus))
    seconds.output += time.perf_counter() - clock
    return lines


def _save(out: Path, position: Position, counts: Counter[str], size: int) -> None:
    """Notes that the first `size` bytes of the table are all before `position`."""
    told = dataclasses.asdict(position) | {"bytes": size, "rows": dict(counts)}
    write_whole(out / PROGRESS, json.dumps(told))


def _resume(
    detector: Detector, sources: Sequence[Source], out: Path, options: Options
) -> tuple[Position, Counter[str]]:
    """Where to go on; the table is cut back to what is surely complete."""
    settings = _settings(detector, sources, options)
    path, table = out / SETTINGS, out / TABLE
    progress = out / PROGRESS
    if table.exists() and not (path.exists() and progress.exists()):
        raise UserError(f"{table} is no result of this program; give another --out")
    if path.exists():
        before = json.loads(path.read_text())
        differ = [key for key in settings if before.get(key) != settings[key]]
        if differ:
            what = ", ".join(differ)
            raise UserError(f"{out} holds results of other {what}; give another --out")
    if not progress.exists():
        names = rows.columns(detector.model.aus)
        write_whole(path, json.dumps(settings, indent=2) + "\n")
        told = {k: v for k, v in detector.model.card.items() if k != "arrays"}
        write_whole(out / CARD, json.dumps(told, indent=2) + "\n")
        header = rows.to_text([names])
        table.write_bytes(header)
        _save(out, Position(), Counter(), len(header))
    told = json.loads(progress.read_text())
    size = table.stat().st_size if table.exists() else 0
    if size < told["bytes"]:
        raise UserError(f"{table} was shortened after it was written; remove {out}")
    with table.open("r+b") as file:
        file.truncate(told["bytes"])
    position = Position(told["source"], told["frame"], told["tracker"])
    if sources[0].kind == "camera" and position != Position():
        LOG.warning("%s holds a recording; give another --out for a new one", out)
        position = Position(len(sources))
    return position, Counter(told["rows"])


def _settings(
    detector: Detector, sources: Sequence[Source], options: Options
) -> dict[str, Any]:
    names = "\n".join(source.file for source in sources)
    return {
        "model": detector.model.card["sha256"],
        "thresholds": detector.thresholds.tolist(),
        "path": detector.path,
        "options": dataclasses.asdict(options),
        "inputs": len(sources),
        "names of the inputs (SHA-256)": hashlib.sha256(names.encode()).hexdigest(),
    }
