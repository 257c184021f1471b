"""The neutral level of a face, taken off its answers (`predict --baseline`).

On neutral faces, one person's brows or lips look more active than another's, so a
difference within a person says more than one between people. OpenFace takes a person's
neutral level off intensities; here it comes off the logit of each probability, and what
the model usually answers takes its place, so that its thresholds stay right.
"""

import csv
import dataclasses
import json
import logging
import re
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy.special import expit, logit

from au_jax.errors import UserError
from au_jax.evaluation.metrics import decide
from au_jax.prediction.inputs import Source
from au_jax.prediction.rows import columns, to_text
from au_jax.runtime import csv_file
from au_jax.runtime.files import replacing, write_whole

LOG = logging.getLogger(__name__)

TABLE, LEVELS = "aus_baseline.csv", "aus_baseline.json"

_LEAST = 1e-6  # as many decimals as the table has

Row = dict[str, str]
Face = tuple[str, str]
"""A face of an input: the input's name, and the face's number."""


@dataclasses.dataclass(frozen=True)
class Baseline:
    """Which rows are neutral."""

    text: str
    """As it was given."""
    frames: tuple[int, int] | None = None
    """The first and the last neutral frame of each video."""
    file: Path | None = None
    """A table of neutral faces of one person; without it, a face's own rows count."""

    @property
    def faces(self) -> Literal["all", "neutral"]:
        """The faces that it is the median of."""
        return "all" if self.text == "median" else "neutral"

    @property
    def note(self) -> str:
        """What the answers are, for those who read them without the command."""
        return (
            "Probabilities are relative to each person's own level"
            f" (--baseline={self.text}); aus.csv has the model's own answers."
        )


@dataclasses.dataclass(frozen=True)
class Levels:
    """What a model says of its answers, for each AU."""

    aus: tuple[int, ...]
    thresholds: Float[np.ndarray, "a"]
    usual: Float[np.ndarray, "a"]
    """Its answers for people as neutral as the baseline is."""
    intensities: Callable[[Float[np.ndarray, "a"]], Float[np.ndarray, "a"]]
    """From probabilities to intensities."""


def parse(text: str) -> Baseline:
    """Return what `--baseline` asks for.

    Raises:
        UserError: it is neither "median", "frames:A-B" nor a table of `predict`; or
            that table is relative to a baseline itself.
    """
    if text == "median":
        return Baseline(text)
    if text.startswith("frames:"):
        found = re.fullmatch(r"frames:(\d{1,9})-(\d{1,9})", text)
        if not found or int(found[1]) > int(found[2]):
            raise UserError(
                f"--baseline={text}: give the first and the last neutral frame, as"
                " frames:0-50"
            )
        return Baseline(text, frames=(int(found[1]), int(found[2])))
    if not Path(text).is_file():
        raise UserError(
            f"--baseline={text}: give median, frames:0-50, or the aus.csv of neutral"
            " pictures of the person; there is no such file"
        )
    if Path(text).name == TABLE:
        raise UserError(
            f"--baseline={text}: its answers are relative to a baseline already; give"
            " the aus.csv beside it"
        )
    return Baseline(text, file=Path(text))


def check(baseline: Baseline, sources: Sequence[Source], aus: Sequence[int]) -> None:
    """Check before anything is predicted that there will be neutral faces.

    Raises:
        UserError: an input is a picture, and the level is to come from the frames; or
            the table of neutral faces cannot be used.
    """
    if baseline.file is not None:
        _median_of_file(baseline.file, aus)
    pictures = [source.name for source in sources if source.kind == "image"]
    if pictures and baseline.file is None:
        raise UserError(
            f"--baseline={baseline.text}: {pictures[0]} is a picture, in which a face"
            " has no other frames; give the aus.csv of neutral pictures of the person"
        )


def write(table: Path, folder: Path, baseline: Baseline, levels: Levels) -> Path:
    """Write a table whose probabilities and decisions are relative to the baseline.

    Args:
        table: The table of `prediction.run.predict`.
        folder: Gets `aus_baseline.csv`, and `aus_baseline.json` with the levels.
        baseline: Which rows are neutral.
        levels: The model's.

    Returns:
        The path of the new table.

    Raises:
        UserError: the table of neutral faces cannot be used.
    """
    if baseline.file is not None:
        everyone = _median_of_file(baseline.file, levels.aus)
        found = {face: everyone for face in _probabilities(table, levels.aus)}
    else:
        found = _own_levels(table, baseline, levels.aus)
    out = folder / TABLE
    with table.open(newline="") as file, replacing(out) as part, part.open("wb") as new:
        names = columns(levels.aus)
        new.write(to_text([names]))
        for row in csv.DictReader(file):
            if row["face_id"]:
                level = found[row["file"], row["face_id"]]
                row |= _relative(row, level, levels)
            new.write(to_text([[row[name] for name in names]]))
    entry = {
        "baseline": baseline.text,
        "usual answer of the model": _by_au(levels.aus, levels.usual),
        "level of each face": [
            {"file": name, "face_id": number, **_by_au(levels.aus, level)}
            for (name, number), level in found.items()
        ],
    }
    write_whole(folder / LEVELS, json.dumps(entry, indent=2) + "\n")
    return out


def remove(folder: Path) -> list[str]:
    """Remove what an earlier run with a baseline wrote; return the names."""
    names = [name for name in (TABLE, LEVELS) if (folder / name).exists()]
    for name in names:
        (folder / name).unlink(missing_ok=True)
    return names


def relative(
    p: Float[np.ndarray, "*b a"],
    level: Float[np.ndarray, "a"],
    usual: Float[np.ndarray, "a"],
) -> Float[np.ndarray, "*b a"]:
    """Return probabilities relative to a person's level: a face at it gets `usual`.

    Args:
        p: Probabilities.
        level: Those of the person's baseline.
        usual: Those of the baseline of people in general.
    """
    return expit(_logit(p) - _logit(level) + _logit(usual))


def _logit(p: Float[np.ndarray, "*b"]) -> Float[np.ndarray, "*b"]:
    return logit(np.clip(np.asarray(p, np.float64), _LEAST, 1 - _LEAST))


def _relative(row: Row, level: Float[np.ndarray, "a"], levels: Levels) -> Row:
    values = np.array([float(row[f"AU{au:02d}"]) for au in levels.aus])
    p = relative(values, level, levels.usual).astype(np.float32)
    decisions = decide(p, levels.thresholds)
    cells = {}
    strengths = levels.intensities(p)
    for i, au in enumerate(levels.aus):
        name, strength = f"AU{au:02d}", strengths[i]
        cells |= {name: f"{p[i]:.6f}", f"{name}_c": str(int(decisions[i]))}
        cells[f"{name}_r"] = "" if np.isnan(strength) else f"{strength:.3f}"
    return cells


def _own_levels(
    table: Path, baseline: Baseline, aus: Sequence[int]
) -> dict[Face, Float[np.ndarray, "a"]]:
    everywhere = _probabilities(table, aus)
    chosen = everywhere
    if baseline.frames is not None:
        chosen = _probabilities(table, aus, baseline.frames)
    found = {}
    for face, values in everywhere.items():
        if not len(chosen.get(face, ())):
            LOG.warning(
                "%s: face %s is not found in %s; its median over all frames is its"
                " level",
                *face,
                baseline.text,
            )
        neutral = chosen[face] if len(chosen.get(face, ())) else values
        found[face] = np.median(np.reshape(neutral, (-1, len(aus))), axis=0)
    return found


def _probabilities(
    table: Path, aus: Sequence[int], frames: tuple[int, int] | None = None
) -> Mapping[Face, Sequence[float]]:
    """Return the probabilities of each face, row after row; `ok` rows, if it has any.

    Args:
        table: The table.
        aus: Its AUs.
        frames: The first and the last frame to take; None takes all.
    """
    first, last = frames or (0, 1 << 62)
    found: dict[str, dict[Face, array[float]]] = {"ok": {}, "low_confidence": {}}
    for row in _rows(table):
        if row["face_id"] and first <= int(row["frame"]) <= last:
            of_status = found[row["status"]]
            values = of_status.setdefault((row["file"], row["face_id"]), array("f"))
            values.extend(float(row[f"AU{au:02d}"]) for au in aus)
    return {**found["low_confidence"], **found["ok"]}


def _rows(table: Path) -> Iterator[Row]:
    with table.open(newline="") as file:
        yield from csv.DictReader(file)


def _median_of_file(file: Path, aus: Sequence[int]) -> Float[np.ndarray, "a"]:
    """Return the median of a table of neutral faces.

    Raises:
        UserError: it lacks an AU, or has no usable row.
    """
    try:
        table = csv_file.read_named(file)
    except OSError as error:
        raise UserError(f"--baseline={file}: {error.strerror or error}") from None
    names = [f"AU{au:02d}" for au in aus]
    if lacking := [name for name in names if name not in table.columns]:
        raise UserError(
            f"--baseline={file} has no column {lacking[0]}; give the aus.csv of the"
            " same model for neutral pictures of the person"
        )
    values = []
    for at, row in table.rows:
        if row.get("status", "ok") != "ok":
            continue
        try:
            values.append([float(row[name]) for name in names])
        except ValueError as error:
            raise UserError(f"--baseline={file}, line {at}: {error}") from None
        if not all(0 <= p <= 1 for p in values[-1]):
            raise UserError(
                f"--baseline={file}, line {at}: not all AUs are probabilities"
            )
    if not values:
        raise UserError(
            f"--baseline={file} has no row with the status ok; give the aus.csv of"
            " neutral pictures of the person"
        )
    return np.median(values, axis=0)


def _by_au(aus: Sequence[int], values: Float[np.ndarray, "a"]) -> dict[str, float]:
    return {
        f"AU{au:02d}": round(float(v), 6) for au, v in zip(aus, values, strict=True)
    }
