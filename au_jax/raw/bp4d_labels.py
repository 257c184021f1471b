"""BP4D's label files: `AUCoding/AU_OCC/F001_T1.csv`, one per sequence; 9 = unknown.

The older release has no folder `AU_OCC`. The FERA 2015 release marks occluded frames in
a last column; OpenFace leaves these frames out, and so does this reader.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from au_jax.errors import UserError
from au_jax.media.formats import is_apple_double
from au_jax.raw.label_table import (
    au_columns,
    clean,
    codes,
    frame_number,
    number,
)
from au_jax.raw.row import Reject
from au_jax.runtime.csv_file import header_problem, rows

Sequence = tuple[str, str]  # subject, task

_NAME = re.compile(r"([FM]\d{3})_(T\d+)\.csv", re.IGNORECASE)
_UNKNOWN = ("9", "999")


@dataclass(frozen=True)
class Labels:
    """A label file: the codes of each frame, or why the frame cannot be used."""

    frames: Mapping[int, Mapping[int, bool] | Reject]
    rejects: tuple[Reject, ...]
    """Rows without a frame number, and repeated rows."""


def label_files(
    raw: Path, roots: list[Path]
) -> tuple[dict[Sequence, Path], list[Reject]]:
    """Return the label file of each sequence, and rejects for all other files.

    Raises:
        UserError: there is no usable label file.
    """
    coding = [root / "AUCoding" for root in roots if (root / "AUCoding").is_dir()]
    if not coding:
        raise UserError(f"no folder {raw}/AUCoding with the labels; is --raw BP4D?")
    candidates = [f for folder in coding for f in sorted(folder.glob("AU_OCC/*"))]
    if not candidates:
        candidates = [f for folder in coding for f in sorted(folder.glob("*"))]
    files: dict[Sequence, Path] = {}
    rejects = []
    for file in (f for f in candidates if not is_apple_double(f)):
        match = _NAME.fullmatch(file.name)
        sequence = (match[1].upper(), match[2].upper()) if match else None
        reason = "bad_label_file"
        if sequence is None:
            problem = "" if file.is_dir() else "not named like F001_T1.csv"
        elif sequence in files:
            reason = "second_label_file"
            problem = f"not read: {files[sequence].name} labels this sequence, too"
        else:
            problem = header_problem(file, _columns)
            if not problem:
                files[sequence] = file
        if problem:
            path = file.relative_to(raw).as_posix()
            rejects.append(Reject(path, reason, problem))
    if files:
        return files, rejects
    if rejects:
        first = rejects[0]
        raise UserError(f"no usable label file: {raw}/{first.path}: {first.detail}")
    raise UserError(f"no label file like {coding[0]}/AU_OCC/F001_T1.csv")


def read_labels(raw: Path, file: Path) -> Labels:
    """Read a label file that `label_files` returned as usable."""
    frames: dict[int, Mapping[int, bool] | Reject] = {}
    rejects: list[Reject] = []
    path = file.relative_to(raw).as_posix()
    lines = rows(file)
    at, occlusion, columns = _columns(next(lines)[1])
    for line, cells in lines:
        if not any(clean(cell) for cell in cells):
            continue
        where = f"{path} line {line}"
        try:
            frame = frame_number(cells[at])
        except (ValueError, IndexError):
            rejects.append(Reject(path, "bad_label", f"{where}: no frame number"))
            continue
        label: Mapping[int, bool] | Reject
        try:
            label = codes(cells, columns, _UNKNOWN)
            if occlusion is not None and number(cells[occlusion]) == "1":
                label = Reject(path, "occluded", f"{where}: flagged as occluded")
        except (ValueError, IndexError) as error:
            label = Reject(path, "bad_label", f"{where}: {error}")
        if frames.get(frame, label) != label:
            problem = f"{where}: frame {frame} is repeated with other codes"
            label = Reject(path, "bad_label", problem)
        elif frame in frames:
            problem = f"{where}: frame {frame} is repeated with the same codes"
            rejects.append(Reject(path, "duplicate_label", problem))
        frames[frame] = label
    return Labels(frames, tuple(rejects))


def _columns(header: list[str]) -> tuple[int, int | None, dict[int, int]]:
    """Return the columns of the frame number, the occlusion flag (if any), the AUs."""
    names = [clean(cell).lower() for cell in header]
    frame = [i for i, name in enumerate(names) if name == "0" or "frame" in name]
    if len(frame) != 1:
        raise ValueError("the header row 0,1,2,... (or frame,AU 1,...) is missing")
    occlusion = [i for i, name in enumerate(names) if name.startswith("occl")]
    return frame[0], occlusion[0] if occlusion else None, au_columns(header)
