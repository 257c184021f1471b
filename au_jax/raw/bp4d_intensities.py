"""BP4D's intensities: `AUCoding/AU_INT/AU06/F001_T1_AU06.csv`; 9 = unknown.

The older release names the folder `AU-Intensity-Codes3.0`. Both are optional: who has
only the occurrences has all that detection needs. Five AUs have intensities: 6, 10, 12,
14 and 17.
"""

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from au_jax.media.formats import is_apple_double
from au_jax.raw import intensity_file
from au_jax.raw.bp4d_labels import Sequence
from au_jax.raw.row import Reject

_FOLDERS = (
    *("AUCoding/AU_INT", "AUCoding/AU-Intensity-Codes3.0"),
    *("AU_INT", "AU-Intensity-Codes3.0"),
)
_NAME = re.compile(r"([FM]\d{3})_(T\d+)_AU(\d{1,2})\.csv", re.IGNORECASE)
_UNKNOWN = ("9", "999")

Files = Mapping[int, PurePosixPath]  # AU -> its file


def intensity_files(
    raw: Path, roots: list[Path]
) -> tuple[dict[Sequence, dict[int, PurePosixPath]], list[Reject]]:
    """Return the files of each sequence, by AU, and rejects for all other files."""
    found: dict[Sequence, dict[int, PurePosixPath]] = {}
    rejects = []
    folders = (root / name for root in roots for name in _FOLDERS)
    for file in (f for folder in folders for f in sorted(folder.rglob("*"))):
        if file.is_dir() or is_apple_double(file):
            continue
        path = PurePosixPath(file.relative_to(raw).as_posix())
        match = _NAME.fullmatch(file.name)
        if not match:
            detail = "not named like F001_T1_AU06.csv"
            rejects.append(Reject(str(path), "bad_label_file", detail))
            continue
        files = found.setdefault((match[1].upper(), match[2].upper()), {})
        first = files.setdefault(int(match[3]), path)
        if first != path:
            detail = f"not read: {first} states these intensities, too"
            rejects.append(Reject(str(path), "second_label_file", detail))
    return found, rejects


def read_intensities(
    raw: Path, files: Files
) -> tuple[dict[int, dict[int, int]], list[Reject]]:
    """Return the intensities of one sequence, frame -> AU -> 0 to 5, and rejects.

    A frame with a wrong line has no intensity of that AU; its occurrences still count.
    """
    frames: dict[int, dict[int, int]] = {}
    rejects: list[Reject] = []
    for au, file in sorted(files.items()):
        found = intensity_file.read(raw, file, _UNKNOWN)
        rejects += found.rejects
        rejects += (
            Reject(str(file), "bad_label", problem)
            for problem in found.problems.values()
        )
        for frame, strength in found.frames.items():
            if frame not in found.problems:
                frames.setdefault(frame, {})[au] = strength
    return frames, rejects
