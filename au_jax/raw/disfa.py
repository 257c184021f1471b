"""DISFA: videos, and `ActionUnit_Labels/SN001/SN001_au1.txt` with `frame,intensity`.

Frames count from 1, intensities from 0 to 5; an AU is active from the threshold on. The
video of the left camera, `LeftVideoSN001_comp.avi`, is read, or the right one if it is
missing. Both show the same moments, so reading both would double every label.
"""

import collections
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from au_jax.errors import UserError
from au_jax.media.formats import is_video
from au_jax.raw import intensity_file, splits
from au_jax.raw.row import Reject, Row
from au_jax.raw.tree import walk

_LABELS = re.compile(r"(SN\d{3})_au(\d+)\.txt", re.IGNORECASE)
_VIDEO = re.compile(r"(Left|Right)Video(SN\d{3})_comp\.(?:avi|mp4)", re.IGNORECASE)

Intensities = dict[int, dict[int, int]]  # frame -> AU -> 0..5


def read(raw: Path, seed: int, threshold: int = 2) -> Iterator[Row | Reject]:
    """Yield every labelled frame, by subject and frame.

    Raises:
        UserError: the tree has no labels or no videos.
    """
    labels: dict[str, dict[int, PurePosixPath]] = {}
    videos: dict[str, dict[str, PurePosixPath]] = {}
    rejects = []
    for file in walk(raw).others:
        if match := _LABELS.fullmatch(file.name):
            files = labels.setdefault(match[1].upper(), {})
            if int(match[2]) in files:
                detail = f"a second file for AU {int(match[2])}"
                rejects.append(Reject(str(file), "second_label_file", detail))
            files.setdefault(int(match[2]), file)
        elif match := _VIDEO.fullmatch(file.name):
            cameras = videos.setdefault(match[2].upper(), {})
            first = cameras.setdefault(match[1].lower(), file)
            if first != file:
                detail = f"same camera and person as {first}"
                rejects.append(Reject(str(file), "duplicate_image", detail))
        elif is_video(file.name):
            detail = "not named like LeftVideoSN001_comp.avi"
            rejects.append(Reject(str(file), "bad_name", detail))
    if not labels:
        raise UserError(f"no label file like SN001_au1.txt below {raw}; is it DISFA?")
    if not videos:
        raise UserError(f"no video like LeftVideoSN001_comp.avi below {raw}")
    yield from rejects
    subjects = labels.keys() & videos.keys()
    split = splits.by_subject(subjects, seed)
    rule = splits.rule_by_subject(subjects, seed)
    for subject in sorted(labels.keys() | videos.keys()):
        if subject not in videos:
            yield Reject(subject, "no_image", "labelled, but there is no video")
        elif subject not in labels:
            yield Reject(str(_chosen(videos[subject])), "no_label", "no label file")
        else:
            video = str(_chosen(videos[subject]))
            frames, problems, rejects = _intensities(raw, labels[subject])
            yield from rejects
            for frame in sorted(frames.keys() | problems.keys()):
                path = f"{video}#{frame:04d}"
                if frame in problems:
                    yield Reject(path, "bad_label", problems[frame])
                    continue
                strengths = dict(sorted(frames[frame].items()))
                aus = {au: n >= threshold for au, n in strengths.items()}
                yield Row(
                    path,
                    split[subject],
                    subject,
                    frame=frame,
                    aus=aus,
                    video=video,
                    intensities=strengths,
                    split_rule=rule,
                )


def _chosen(cameras: Mapping[str, PurePosixPath]) -> PurePosixPath:
    return cameras.get("left") or cameras["right"]


def _intensities(
    raw: Path, files: Mapping[int, PurePosixPath]
) -> tuple[Intensities, dict[int, str], list[Reject]]:
    """Return the intensities of one subject, the problems of frames, and the rejects.

    A frame with a wrong line in any file has a problem. Lines without a frame number
    and unusable files are rejects; the AU of such a file is not coded.
    """
    frames: Intensities = collections.defaultdict(dict)
    problems: dict[int, str] = {}
    rejects: list[Reject] = []
    for au, file in sorted(files.items()):
        found = intensity_file.read(raw, file)
        problems.update(found.problems)
        rejects += found.rejects
        for frame, strength in found.frames.items():
            frames[frame][au] = strength
    return frames, problems, rejects
