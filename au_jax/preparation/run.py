"""Prepare a raw data set: survey it, find the faces, write and check the result."""

import contextlib
import dataclasses
import difflib
import functools
import os
import re
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from au_jax.data.metadata import REENACTED, RENDERED
from au_jax.errors import UserError, printable
from au_jax.faces import detect, drawing
from au_jax.faces.detect import LandmarkFinder, LandmarksBy
from au_jax.preparation import assemble, counts, find_faces, staging, writer
from au_jax.preparation.assemble import Item, Survey
from au_jax.preparation.checks.run import check_prepared
from au_jax.preparation.staging import pausing
from au_jax.raw import (
    bp4d,
    disfa,
    emotionet,
    folder,
    lists,
    rafau,
    splits,
    subject_file,
)
from au_jax.raw.landmark_file import LandmarkFile, attach
from au_jax.raw.row import Reject, is_text
from au_jax.raw.subject_file import SubjectFile

READERS = {
    "bp4d": bp4d.read,
    "bp4dplus": bp4d.read,
    "disfa": disfa.read,
    "emotionet": emotionet.read,
    "rafau": rafau.read,
    "lists": lists.read,
    "folder": folder.read,
}


@dataclasses.dataclass(frozen=True)
class PrepareOptions:
    """The settings of a preparation."""

    dataset: str
    """A key of `READERS`."""
    raw: Path
    """The folder of the raw set."""
    data_dir: Path
    """The data set goes to `data_dir / name / version`."""
    name: str | None = None
    """The name of the data set; None is that of the raw set."""
    workers: int = 1
    """Processes that find faces."""
    seed: int = 0
    """The seed of splits and draws."""
    split: str | None = None
    """The name of a published split, instead of the reader's own."""
    subjects: SubjectFile | None = None
    """Who is seen in which picture, for a set that does not say so."""
    landmarks_by: LandmarksBy | LandmarkFile = detect.DEFAULT
    """The method to find landmarks, or a file of known ones."""
    beam: str | None = None
    """Pipeline options of Apache Beam, which then finds the faces."""
    faces: str | None = None
    """How the report shows faces: "show", "blur" or "none"; None as the set permits."""
    licence: str | None = None
    """The licence of the pictures, if it is not that of the raw set; "" if it is, after
    all. None is "" for a new set, and keeps what a finished set says."""
    reader: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Further options of the reader."""

    @property
    def final(self) -> Path:
        """The version folder of the finished data set."""
        return self.data_dir / (self.name or self.dataset) / writer.VERSION


def prepare(
    options: PrepareOptions,
    make_finder: Callable[[], LandmarkFinder] | None = None,
    pause: Callable[[], None] = lambda: None,
) -> int:
    """Prepare a raw set; after an interruption, do only the rest.

    Args:
        options: The settings.
        make_finder: Makes, in each process, the function that finds landmarks; by
            default, as the options say.
        pause: Called often; an exception that it raises ends the run.

    Returns:
        The exit code: 1 if the check has a finding that would spoil a training.

    Raises:
        UserError: see the messages.
    """
    check_options(options)
    items = functools.partial(make_reader(options), pause)
    make_finder, version, origin = _landmarks(options, make_finder)
    final, partial = options.final, staging.unfinished(options.final)
    found = partial / "faces" / version
    try:
        done = assemble.stored_report(final)
        survey = assemble.take_survey(items(), options.raw, options.seed, version)
        origin = "file" if survey.knows_landmarks else origin
        if done and done["fingerprint"] == survey.fingerprint:
            _keep(options, partial, survey, done)
            return check_prepared(final, options.raw, options.faces, pause)
        _warn(options, survey, again=bool(done))
        start = time.monotonic()
        with staging.locked(partial):
            found.mkdir(exist_ok=True)
            if options.beam is not None:
                _find_faces_by_beam(options, found, items(), make_finder)
            work = assemble.cut(items())
            faces = find_faces.find_faces(
                options.raw, found, work, options.workers, make_finder
            )
            with contextlib.closing(faces):  # ends the workers
                pieces, folder = pausing(faces, pause), partial / "data"
                report = assemble.write(
                    pieces,
                    folder,
                    options.dataset,
                    survey,
                    origin,
                    options.licence or "",
                )
            staging.publish(partial, final)
    except OSError as error:
        problem = f"{error.filename or options.data_dir}: {error.strerror or error}"
        raise UserError(f"{problem}; run the same command again to resume") from None
    speed = survey.images / (time.monotonic() - start)
    print(f"wrote {final} ({speed:.0f} images/s)\n{counts.table(report)}")
    return check_prepared(final, options.raw, options.faces, pause)


def _warn(options: PrepareOptions, survey: Survey, again: bool) -> None:
    """Say before the work begins what the user may not expect."""
    if again:
        why = "was made from other files or settings"
        print(f"{options.final} {why}: preparing it again")
        _warn_of_licence(options)
    _warn_of_split(options, survey)


def _warn_of_split(options: PrepareOptions, survey: Survey) -> None:
    """Say that BP4D's split is not the one to expect."""
    if options.licence:
        return  # these are other pictures
    rules = survey.split_rules.values()
    problem = splits.bp4d_warning(options.dataset, rules, survey.bp4d_subjects)
    if problem:
        print(f"warning: {problem}", file=sys.stderr)


def _warn_of_licence(options: PrepareOptions) -> None:
    """Say that a licence which was stated for other files is not kept."""
    stated = assemble.stored_licence(options.final)
    if stated and options.licence is None:
        print(
            f"warning: the licence stated for those is not kept; if it is that of these"
            f" pictures, too, run again with --licence={shlex.quote(stated)}",
            file=sys.stderr,
        )


def _keep(
    options: PrepareOptions, partial: Path, survey: Survey, report: Mapping[str, Any]
) -> None:
    """Leave a finished set as it is, but for its licence and what it does not say yet.

    What a run left that was killed after it had published its data set is removed.
    """
    if partial.exists():
        with staging.locked(partial):
            shutil.rmtree(partial)
    assemble.renew_metadata(options.final, options.dataset, survey, options.licence)
    table = counts.table(dict(report))
    print(f"{options.final} is up to date: nothing to do\n{table}")
    if options.licence is not None:
        print(f"its licence: {options.licence or 'that of the raw set'}")


def make_reader(
    options: PrepareOptions,
) -> Callable[[Callable[[], None]], Iterator[Item]]:
    """Return a function that reads the rows anew, calling its argument before each."""
    read = functools.partial(
        READERS[options.dataset], options.raw, options.seed, **options.reader
    )
    people = splits.named(options.split) if options.split else None

    def items(pause: Callable[[], None]) -> Iterator[Item]:
        rows: Iterable[Item] = read()
        if options.subjects is not None:
            rows = subject_file.attach(rows, options.subjects)
        if people is not None:
            rows = splits.assign(rows, people, options.split or "")
        if isinstance(options.landmarks_by, LandmarkFile):
            rows = attach(rows, options.landmarks_by)
        return pausing(_with_text_names(rows), pause)

    return items


def _with_text_names(items: Iterable[Item]) -> Iterator[Item]:
    """Yield the items; reject files whose names are no text, once each."""
    wrong = ""
    for item in items:
        if isinstance(item, Reject) or is_text(item.path + item.file):
            yield item
        elif item.file != wrong:
            wrong = item.file
            yield Reject(wrong, "bad_name", "rename it to plain text")


def check_options(options: PrepareOptions) -> None:
    """Raise a `UserError` for options that cannot work."""
    name, raw, data_dir = options.dataset, options.raw, options.data_dir
    if name not in READERS:
        near = difflib.get_close_matches(name.lower(), READERS, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]}? " if near else ""
        known = ", ".join(READERS)
        raise UserError(f"--dataset={name} is not known; {hint}There are: {known}")
    if options.name is not None:
        _check_name(options.name, name)
    if options.workers < 1:
        raise UserError(f"--workers={options.workers}: at least one process is needed")
    if not raw.is_dir():
        raise UserError(f"--raw={raw} is not a folder; give the folder of the raw set")
    if data_dir.resolve().is_relative_to(raw.resolve()):
        raise UserError(f"--data_dir={data_dir} is inside --raw; choose another folder")
    try:
        options.final.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write to --data_dir={data_dir}: {error}") from None
    if not os.access(options.final.parent, os.W_OK | os.X_OK):
        raise UserError(f"cannot write to --data_dir={data_dir}: permission denied")
    drawing.choose(options.faces, licensed=False)
    licence = options.licence or ""
    if licence != printable(licence).strip() or len(licence) > 200:
        raise UserError("--licence: give one line of at most 200 characters")


def _check_name(name: str, dataset: str) -> None:
    """Raise a `UserError` for a name that means something else already."""
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise UserError(
            f"--name={name}: give a name of a-z, 0-9 and _ that begins with a letter"
        )
    if name in (*READERS, *RENDERED, REENACTED) and name != dataset:
        raise UserError(f"--name={name} is the name of another set; choose a new one")


def _find_faces_by_beam(
    options: PrepareOptions,
    folder: Path,
    items: Iterable[Item],
    make_finder: Callable[[], LandmarkFinder],
) -> None:
    try:
        from au_jax.preparation import beam
    except ImportError:
        raise UserError(
            "--beam takes Apache Beam: pip install apache-beam, or run without --beam"
        ) from None
    pieces = (rows for _, rows in assemble.cut(items))
    pipeline = shlex.split(options.beam or "")
    beam.find_faces(options.raw, folder, pieces, make_finder, pipeline)


def _landmarks(
    options: PrepareOptions, make_finder: Callable[[], LandmarkFinder] | None
) -> tuple[Callable[[], LandmarkFinder], str, str]:
    """Return what makes the finder, its version, and the origin of the landmarks."""
    origin = options.landmarks_by
    if isinstance(origin, LandmarkFile):
        return _make_no_finder, "dlib68", "file"
    make_finder = make_finder or functools.partial(detect.make_finder, origin)
    return make_finder, detect.version(origin), origin


def _make_no_finder() -> LandmarkFinder:
    """Return a finder for sets whose landmarks are all known, which need no dlib."""
    return _find_nothing


def _find_nothing(image: object) -> None:
    return None
