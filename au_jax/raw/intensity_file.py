"""Label files of one AU: lines of `frame,intensity`, without a header.

DISFA and BP4D state intensities in such files, from 0 to 5.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from au_jax.raw.label_table import frame_number, number
from au_jax.raw.row import Reject
from au_jax.runtime.csv_file import header_problem, open_table

_STRENGTHS = ("0", "1", "2", "3", "4", "5")


@dataclass(frozen=True)
class IntensityFile:
    """What a file says of each frame."""

    frames: Mapping[int, int]
    """Frame -> 0 to 5; frames that are not coded are absent."""
    problems: Mapping[int, str]
    """Frame -> what is wrong with its lines."""
    rejects: tuple[Reject, ...]
    """Lines without a frame number, or the file if it cannot be used."""


def read(raw: Path, file: PurePosixPath, unknown: Sequence[str] = ()) -> IntensityFile:
    """Read a file of intensities.

    Args:
        raw: The raw folder.
        file: The file, relative to it.
        unknown: Codes of frames that are not coded.
    """
    problem = header_problem(raw / file)
    if problem or not (raw / file).stat().st_size:
        detail = problem or "zero bytes"
        return IntensityFile({}, {}, (Reject(str(file), "bad_label_file", detail),))
    frames: dict[int, int] = {}
    problems: dict[int, str] = {}
    rejects: list[Reject] = []
    with open_table(raw / file) as stream:
        for at, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            where = f"{file} line {at}"
            cells = [number(cell) for cell in re.split(r"[,;\t ]+", line.strip())]
            if len(cells) != 2 or not (frame := _frame(cells[0])):
                detail = f"{where}: {line.strip()[:40]!r} is not frame,intensity"
                rejects.append(Reject(str(file), "bad_label", detail))
            elif cells[1] in unknown:
                continue
            elif cells[1] not in _STRENGTHS:
                problems[frame] = f"{where}: intensity {cells[1]!r} is not 0 to 5"
            elif frames.setdefault(frame, int(cells[1])) != int(cells[1]):
                problems[frame] = f"{where}: frame {frame} is repeated, differing"
    return IntensityFile(frames, problems, tuple(rejects))


def _frame(cell: str) -> int:
    """Return the number of a frame, counted from 1, or 0 if it is none."""
    try:
        return frame_number(cell)
    except ValueError:
        return 0
