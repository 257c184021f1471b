"""BP4D: `F001/T1/0643.jpg` and `AUCoding/AU_OCC/F001_T1.csv`, 9 = not coded.

Both releases: with and without the folder `AU_OCC`, the pictures in the raw folder or
in `BP4D-training` below it. The FERA 2015 release flags occluded frames in a last
column; OpenFace drops those, and so do we.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from au_jax.data import splits
from au_jax.errors import UserError
from au_jax.raw.row import Reject, Row
from au_jax.raw.table import au_columns, clean, codes

Sequence = tuple[str, str]  # subject, task
_TABLE = re.compile(r"([FM]\d{3})_(T\d+)\.csv", re.IGNORECASE)
_SUBJECT = re.compile(r"[FM]\d{3}")
_TASK = re.compile(r"T\d+")
_PICTURES = {".jpg", ".jpeg", ".png", ".bmp"}


@dataclass(frozen=True)
class _Labels:
    """One label file: the codes of a frame, or why the frame cannot be used."""

    frames: Mapping[int, Mapping[int, bool] | Reject]
    rejects: tuple[Reject, ...]


def read(raw: Path, seed: int) -> Iterator[Row | Reject]:
    """Every image and label row of the tree, by subject, task and frame.

    Raises:
        UserError: the tree holds no usable label file or no pictures.
    """
    roots = [root for root in (raw, raw / "BP4D-training") if root.is_dir()]
    tables, rejects = _tables(raw, roots)
    folders: dict[Sequence, list[Path]] = {}
    for root in roots:
        for folder in _folders(root, _SUBJECT):
            for task in _folders(folder, _TASK):
                folders.setdefault((folder.name, task.name), []).append(task)
            rejects += [
                Reject(_relative(raw, file), "no_label", "not in a task's folder")
                for file in sorted(folder.iterdir())
                if not file.is_dir()
            ]
    if not folders:
        raise UserError(f"no pictures like {raw}/F001/T1/0643.jpg; is --raw BP4D?")
    subjects = {subject for subject, _ in tables} & {subject for subject, _ in folders}
    split = splits.bp4d(subjects, seed)
    yield from rejects
    for sequence in sorted(set(tables) | set(folders), key=_order):
        labels = _labels(raw, sequence, tables.get(sequence))
        images, unusable = _images(raw, folders.get(sequence, []))
        yield from (*labels.rejects, *unusable)
        yield from _sequence(sequence, images, labels, split)


def _order(sequence: Sequence) -> tuple[str, int]:
    return sequence[0], int(sequence[1][1:])


def _sequence(
    sequence: Sequence,
    images: Mapping[int, str],
    labels: _Labels,
    split: Mapping[str, str],
) -> Iterator[Row | Reject]:
    """The frames of one sequence, in order."""
    subject, task = sequence
    # The zero padding differs between sequences: it is that of the first picture.
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


def _tables(raw: Path, roots: list[Path]) -> tuple[dict[Sequence, Path], list[Reject]]:
    """The label file of each sequence, and the files that are none."""
    coding = [root / "AUCoding" for root in roots if (root / "AUCoding").is_dir()]
    if not coding:
        raise UserError(f"no folder {raw}/AUCoding with the labels; is --raw BP4D?")
    files = [file for folder in coding for file in sorted(folder.glob("AU_OCC/*.csv"))]
    files = files or [
        file for folder in coding for file in sorted(folder.glob("*.csv"))
    ]
    if not files:
        raise UserError(f"no label file like {coding[0]}/AU_OCC/F001_T1.csv")
    tables: dict[Sequence, Path] = {}
    rejects = []
    for file in files:
        match = _TABLE.fullmatch(file.name)
        sequence = (match[1].upper(), match[2].upper()) if match else None
        problem = "not named like F001_T1.csv"
        if sequence:
            problem = "a second one" if sequence in tables else _header_problem(file)
        if sequence and not problem:
            tables[sequence] = file
        else:
            rejects.append(Reject(_relative(raw, file), "bad_label_file", problem))
    if not tables:
        first = rejects[0]
        raise UserError(f"no usable label file: {raw}/{first.path}: {first.detail}")
    return tables, rejects


def _header_problem(file: Path) -> str:
    try:
        with file.open(newline="", encoding="utf-8-sig", errors="replace") as stream:
            _columns(next(csv.reader(stream), []))
    except OSError as error:
        return error.strerror or str(error)
    except (ValueError, csv.Error) as error:
        return str(error)
    return ""


def _columns(header: list[str]) -> tuple[int, int | None, dict[int, int]]:
    """Column of the frame number, of the occlusion flag if any, and of the AUs."""
    names = [clean(cell).lower() for cell in header]
    frame = [i for i, name in enumerate(names) if name == "0" or "frame" in name]
    if len(frame) != 1:
        raise ValueError("the header row 0,1,2,... (or frame,AU 1,...) is missing")
    occlusion = [i for i, name in enumerate(names) if name.startswith("occl")]
    return frame[0], occlusion[0] if occlusion else None, au_columns(header)


def _labels(raw: Path, sequence: Sequence, file: Path | None) -> _Labels:
    """Reads one label file."""
    frames: dict[int, Mapping[int, bool] | Reject] = {}
    rejects: list[Reject] = []
    if file is None:
        return _Labels(frames, ())
    path = _relative(raw, file)
    with file.open(newline="", encoding="utf-8-sig", errors="replace") as stream:
        lines = csv.reader(stream)
        at, occlusion, columns = _columns(next(lines))
        for cells in lines:
            if not any(clean(cell) for cell in cells):
                continue
            where = f"{path} line {lines.line_num}"
            try:
                frame = int(clean(cells[at]))
            except (ValueError, IndexError):
                rejects.append(Reject(path, "bad_label", f"{where}: no frame number"))
                continue
            label: Mapping[int, bool] | Reject
            try:
                label = codes(cells, columns, unknown=("9", "999"))
            except ValueError as error:
                label = Reject(path, "bad_label", f"{where}: {error}")
            if (
                occlusion is not None
                and clean("".join(cells[occlusion : occlusion + 1])) == "1"
            ):
                label = Reject(path, "occluded", f"{where}: flagged as occluded")
            if frames.get(frame, label) != label:
                label = Reject(
                    path, "bad_label", f"{where}: frame {frame} again, other"
                )
            elif frame in frames:
                rejects.append(
                    Reject(path, "duplicate_label", f"{where}: {frame} again")
                )
            frames[frame] = label
    return _Labels(frames, tuple(rejects))


def _images(raw: Path, folders: list[Path]) -> tuple[dict[int, str], list[Reject]]:
    """Frame number -> picture, and the files that are none."""
    images: dict[int, str] = {}
    rejects = []
    for file in (file for folder in folders for file in sorted(folder.iterdir())):
        path = _relative(raw, file)
        if file.suffix.lower() not in _PICTURES or file.is_dir():
            rejects.append(Reject(path, "not_image", "not a picture file"))
        elif not file.stem.isdecimal():
            rejects.append(Reject(path, "bad_name", "the name is no frame number"))
        elif int(file.stem) in images:
            other = images[int(file.stem)]
            rejects.append(Reject(path, "duplicate_image", f"same frame as {other}"))
        else:
            images[int(file.stem)] = path
    return images, rejects


def _folders(root: Path, name: re.Pattern[str]) -> list[Path]:
    return [p for p in sorted(root.iterdir()) if name.fullmatch(p.name) and p.is_dir()]


def _relative(raw: Path, file: Path) -> str:
    return file.relative_to(raw).as_posix()
