"""Any folder of pictures or videos, with or without a table of labels.

The table is the only CSV file directly in the folder (au_jax/raw/folder_table.py). Its
column `frame` names the frame of a video, counted from 1. Without a table, all pictures
and frames are unlabelled. Without a column `split`, subjects are divided 70, 10 and
20 %; without subjects, pictures and whole videos are.
"""

import contextlib
import unicodedata
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from au_jax.errors import UserError
from au_jax.media.formats import is_picture, is_video
from au_jax.media.images import UnusableImage
from au_jax.media.videos import Video
from au_jax.raw import splits
from au_jax.raw.folder_table import Entry, entries, path_problem
from au_jax.raw.name_store import Names
from au_jax.raw.row import Reject, Row, is_text
from au_jax.raw.tree import pictures, walk

_MAX_FRAMES = 10_000_000  # in a video: a hundred hours


def read(raw: Path, seed: int) -> Iterator[Row | Reject]:
    """Yield every row of the table, then every picture and video that it does not name.

    Raises:
        UserError: there are no pictures or videos, or several tables, or the header of
            the table cannot be used.
    """
    tree = walk(raw)
    videos = [str(f) for f in tree.others if is_video(f.name)]
    if not (tree.folders or videos):
        raise UserError(f"no pictures or videos below {raw}")
    tables = [
        f for f in tree.others if f.suffix.lower() == ".csv" and len(f.parts) == 1
    ]
    if len(tables) > 1:
        names = ", ".join(str(table) for table in tables)
        raise UserError(f"{raw} holds several tables ({names}); keep one CSV file")
    for other in tree.others:
        if other not in tables and not is_video(other.name):
            yield Reject(str(other), "not_image", "not a picture or video file")
    listed = Names()
    if tables:
        yield from _listed(raw, raw / tables[0], seed, listed)
    for folder in tree.folders:
        for path in pictures(raw, folder):
            if path in listed:
                continue
            if tables:
                yield Reject(path, "no_label", f"{tables[0]} does not name it")
            elif not is_text(path):
                yield Reject(path, "bad_name", "rename it to plain text")
            else:
                rule = splits.drawn("file", seed)
                yield Row(path, splits.by_name(path, seed), split_rule=rule)
    for video in videos:
        if not tables:
            yield from _frames(raw, video, seed)
        elif video not in listed:
            yield Reject(video, "no_label", f"{tables[0]} names no frame of it")


def _frames(raw: Path, video: str, seed: int) -> Iterator[Row | Reject]:
    """Yield the frames of an unlabelled video; all of them are in one split."""
    if not is_text(video):
        yield Reject(video, "bad_name", "rename it to plain text")
        return
    try:
        with contextlib.closing(Video(raw / video)) as opened:
            count = opened.num_frames
            if count > _MAX_FRAMES:
                raise UnusableImage("unreadable", f"it states {count} frames")
            while opened.next < _MAX_FRAMES and opened.advance():
                pass
            count = max(count, opened.next)  # some formats state too few, or none
        if count <= 0:
            raise UnusableImage("unreadable", "it has no frames")
    except UnusableImage as error:
        yield Reject(video, error.reason, error.detail)
        return
    split, rule = splits.by_name(video, seed), splits.drawn("file", seed)
    for frame in range(1, count + 1):
        path = f"{video}#{frame:04d}"
        yield Row(path, split, frame=frame, video=video, split_rule=rule)


def _listed(raw: Path, table: Path, seed: int, listed: Names) -> Iterator[Row | Reject]:
    """Yield the rows of the table; add the pictures that they name to `listed`."""
    labels = Names()
    contradicted: set[str] = set()
    subjects: set[str] = set()
    for entry in entries(table):
        subjects.add(entry.subject)
        label = hash((entry.subject, entry.split, *sorted(entry.aus.items())))
        if labels.setdefault(_name(entry), label) != label:
            contradicted.add(_name(entry))
    split_of = splits.by_subject(subjects - {""}, seed)
    rule_of_people = splits.rule_by_subject(subjects - {""}, seed)
    for entry in entries(table):
        if not entry.path:
            yield Reject(entry.where, "bad_label", entry.problem)
            continue
        file = None if path_problem(entry.path) else _find(raw, entry.path)
        video = file if file and is_video(file) else ""
        path = f"{video}#{entry.frame:04d}" if video else file
        if path and path in listed:
            yield Reject(path, "duplicate_label", f"{entry.where}: named before")
            continue
        for name in filter(None, (path, file)):
            listed.add(name)
        if _name(entry) in contradicted:
            detail = f"{entry.where}: named several times, with different labels"
            yield Reject(_name(entry), "bad_label", detail)
        elif entry.problem:
            yield Reject(_name(entry), "bad_label", f"{entry.where}: {entry.problem}")
        elif file is None or path is None:
            yield Reject(entry.path, "no_image", f"{entry.where}: no such picture")
        elif video and entry.frame < 1:
            detail = f"{entry.where}: a row of a video needs a frame, counted from 1"
            yield Reject(video, "bad_label", detail)
        else:
            if entry.split:
                split, rule = entry.split, "stated by the table"
            elif entry.subject in split_of:
                split, rule = split_of[entry.subject], rule_of_people
            else:
                split, rule = splits.by_name(file, seed), splits.drawn("file", seed)
            yield Row(
                path,
                split,
                entry.subject,
                entry.task,
                entry.frame,
                entry.aus,
                video=video,
                split_rule=rule,
            )


def _name(entry: Entry) -> str:
    """Return the name of the picture, or of the frame of a video, of a row."""
    return f"{entry.path}#{entry.frame:04d}" if is_video(entry.path) else entry.path


def _find(raw: Path, path: str) -> str | None:
    """Return the path of a file; accents may be in either Unicode form."""
    for form in (path, *(unicodedata.normalize(f, path) for f in ("NFC", "NFD"))):
        if (is_picture(form) or is_video(form)) and (raw / form).is_file():
            return str(PurePosixPath(form))
    return None
