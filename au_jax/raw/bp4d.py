"""BP4D: `F001/T1/0643.jpg` and `AUCoding/AU_OCC/F001_T1.csv` (raw/bp4d_labels.py).

Where there are intensities, they are read, too (raw/bp4d_intensities.py).

The pictures are in the raw folder or, as released, in its folder `BP4D-training`.
Videos may replace them, in any folder: those of BP4D (`2F01_05.avi`) or BP4D+
(`F001_T1.mp4`). Frame k of the labels is the k-th frame of the video, counted from 1.
"""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from au_jax.errors import UserError
from au_jax.media.formats import is_apple_double, is_picture
from au_jax.raw import splits
from au_jax.raw.bp4d_intensities import intensity_files, read_intensities
from au_jax.raw.bp4d_labels import Labels, Sequence, label_files, read_labels
from au_jax.raw.row import Reject, Row
from au_jax.raw.tree import pictures, walk

_SUBJECT = re.compile(r"[FM]\d{3}", re.IGNORECASE)
_TASK = re.compile(r"T\d+", re.IGNORECASE)
_VIDEO = re.compile(r"([FM]\d{3})_(T\d+)\.(?:mp4|avi)", re.IGNORECASE)
_BP4D_VIDEO = re.compile(r"2([FM])(\d{2})_(\d{2})\.(?:avi|mp4)", re.IGNORECASE)
_VIDEO_SUFFIXES = (".avi", ".mp4")
_BP4D_TASKS = {
    f"{suffix:02d}": f"T{task}"
    for task, suffix in enumerate((1, 3, 7, 8, 9, 10, 11, 13), start=1)
}


def read(raw: Path, seed: int) -> Iterator[Row | Reject]:
    """Yield every image and label row of the tree, by subject, task and frame.

    Raises:
        UserError: the tree has no usable label file or no pictures.
    """
    roots = [root for root in (raw, raw / "BP4D-training") if root.is_dir()]
    files, rejects = label_files(raw, roots)
    strengths, more = intensity_files(raw, roots)
    rejects += more
    folders, strays = _picture_folders(raw, roots)
    videos, more = _videos(raw)
    rejects += more
    if not (folders or videos):
        raise UserError(f"no pictures like {raw}/F001/T1/0643.jpg; is --raw BP4D?")
    seen = set(folders) | set(videos)
    subjects = {subject for subject, _ in files} & {subject for subject, _ in seen}
    split = splits.bp4d(subjects, seed)
    rule = splits.rule_of_bp4d(subjects, seed)
    yield from rejects
    for stray in strays:
        yield Reject(stray, "no_label", "not in the folder of a task")
    for sequence in sorted(strengths.keys() - files.keys() - seen):
        for path in strengths[sequence].values():
            yield Reject(str(path), "no_image", "neither pictures nor occurrences")
    for sequence in sorted(set(files) | seen, key=_order):
        file = files.get(sequence)
        labels = read_labels(raw, file) if file else Labels({}, ())
        stated, wrong = read_intensities(raw, strengths.get(sequence, {}))
        images, unusable = _images(raw, folders.get(sequence, []))
        yield from (*labels.rejects, *wrong, *unusable)
        video = videos.get(sequence)
        if video and images:
            yield Reject(video, "duplicate_image", "its pictures exist, too")
            video = None
        if video:
            found = _video_frames(sequence, video, labels, split)
        else:
            found = _frames(sequence, images, labels, split)
        for item in found:
            if isinstance(item, Row):
                strong = stated.get(item.frame, {})
                item = dataclasses.replace(item, intensities=strong, split_rule=rule)
            yield item


def _order(sequence: Sequence) -> tuple[str, int]:
    return sequence[0], int(sequence[1][1:])


def _picture_folders(
    raw: Path, roots: list[Path]
) -> tuple[dict[Sequence, list[Path]], list[str]]:
    """Return the folders of each sequence, and the pictures outside all of them."""
    folders: dict[Sequence, list[Path]] = {}
    tasks = set()
    for subject in (folder for root in roots for folder in _named(root, _SUBJECT)):
        for task in _named(subject, _TASK):
            sequence = subject.name.upper(), task.name.upper()
            folders.setdefault(sequence, []).append(task)
            tasks.add(_relative(raw, task))
    others = (folder for folder in walk(raw).folders if str(folder) not in tasks)
    return folders, [path for folder in others for path in pictures(raw, folder)]


def _frames(
    sequence: Sequence,
    images: Mapping[int, str],
    labels: Labels,
    split: Mapping[str, str],
) -> Iterator[Row | Reject]:
    """Yield the frames of one sequence in order."""
    subject, task = sequence
    # The zero padding differs between sequences; the first picture shows it.
    width = len(Path(images[min(images)]).stem) if images else 0
    for frame in sorted(set(images) | set(labels.frames)):
        path = images.get(frame, f"{subject}/{task}/{frame:0{width}d}.jpg")
        label = labels.frames.get(frame)
        if frame not in images:
            yield Reject(path, "no_image", "labelled, but there is no such picture")
        elif label is None:
            yield Reject(path, "no_label", "no label row names this frame")
        elif isinstance(label, Reject):
            yield Reject(path, label.reason, label.detail)
        else:
            yield Row(path, split[subject], subject, task, frame, label)


def _videos(raw: Path) -> tuple[dict[Sequence, str], list[Reject]]:
    """Return the video of each sequence, and rejects for all other videos."""
    videos: dict[Sequence, str] = {}
    rejects = []
    for file in walk(raw).others:
        if file.suffix.lower() not in _VIDEO_SUFFIXES:
            continue
        plus, old = _VIDEO.fullmatch(file.name), _BP4D_VIDEO.fullmatch(file.name)
        sequence = (plus[1].upper(), plus[2].upper()) if plus else None
        if old and old[3] in _BP4D_TASKS:
            sequence = f"{old[1].upper()}0{old[2]}", _BP4D_TASKS[old[3]]
        if sequence is None:
            rejects.append(Reject(str(file), "bad_name", "not the name of a sequence"))
        elif sequence in videos:
            detail = f"same sequence as {videos[sequence]}"
            rejects.append(Reject(str(file), "duplicate_image", detail))
        else:
            videos[sequence] = str(file)
    return videos, rejects


def _video_frames(
    sequence: Sequence, video: str, labels: Labels, split: Mapping[str, str]
) -> Iterator[Row | Reject]:
    """Yield the labelled frames of a video; the others are ignored."""
    subject, task = sequence
    if not labels.frames:
        yield Reject(video, "no_label", "the sequence has no label row")
    for frame, label in sorted(labels.frames.items()):
        path = f"{video}#{frame:04d}"
        if isinstance(label, Reject):
            yield Reject(path, label.reason, label.detail)
        else:
            yield Row(path, split[subject], subject, task, frame, label, video=video)


def _images(raw: Path, folders: list[Path]) -> tuple[dict[int, str], list[Reject]]:
    """Return the picture of each frame, and rejects for all other files but videos."""
    images: dict[int, str] = {}
    rejects = []
    for file in (file for folder in folders for file in sorted(folder.iterdir())):
        path = _relative(raw, file)
        if is_apple_double(file):
            continue
        if file.suffix.lower() in _VIDEO_SUFFIXES and not file.is_dir():
            continue  # `_videos` has it
        if not is_picture(file.name) or file.is_dir():
            rejects.append(Reject(path, "not_image", "not a picture file"))
        elif not re.fullmatch(r"[0-9]{1,9}", file.stem):
            rejects.append(Reject(path, "bad_name", "the name is not a frame number"))
        elif int(file.stem) in images:
            other = images[int(file.stem)]
            rejects.append(Reject(path, "duplicate_image", f"same frame as {other}"))
        else:
            images[int(file.stem)] = path
    return images, rejects


def _named(root: Path, name: re.Pattern[str]) -> list[Path]:
    """Return the folders in `root` whose names match."""
    return [p for p in sorted(root.iterdir()) if name.fullmatch(p.name) and p.is_dir()]


def _relative(raw: Path, file: Path) -> str:
    return file.relative_to(raw).as_posix()
