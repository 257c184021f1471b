"""The data set `reenacted`: photographs of neutral faces, with other expressions."""

import csv
import dataclasses
import hashlib
import itertools
import json
import signal
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from au_jax.data.reader import INTENSITIES
from au_jax.errors import UserError
from au_jax.faces import detect
from au_jax.faces.detect import LandmarkFinder, LandmarksBy
from au_jax.media.images import UnusableImage, read_image
from au_jax.preparation import assemble, chunks, counts, staging, writer
from au_jax.preparation.assemble import Item, Survey
from au_jax.preparation.chunks import Faces
from au_jax.raw import splits
from au_jax.raw.row import Reject, Row, is_text
from au_jax.raw.tree import pictures, walk
from au_jax.rendering import driven, lens, neutrality, portrait, reenactment
from au_jax.rendering.expression import Expression
from au_jax.runtime import workers
from au_jax.runtime.files import write_whole

NAME = "reenacted"
VERSION = 2  # increase it when the same seed gives other pictures
WRINKLES = 0.3  # the greatest share of the light that the deepest wrinkle takes
POOR = 0.3  # the share of the pictures that a poor camera takes


@dataclasses.dataclass(frozen=True)
class ReenactOptions:
    """The settings of a set."""

    raw: Path
    """The folder of photographs, of one person each."""
    data_dir: Path
    pictures: int
    """Pictures of each photograph; the first keeps its expression."""
    most: float
    """Standard deviations from neutral people beyond which a face is left out."""
    seed: int = 0
    landmarks_by: LandmarksBy = detect.DEFAULT
    """How landmarks are found, in the photographs and in the pictures made of them."""
    workers: int = 1


@dataclasses.dataclass(frozen=True)
class Job:
    """The pictures of one photograph."""

    options: ReenactOptions
    path: str
    """Relative to the folder."""

    def moments(self) -> Iterator[tuple[Row, Expression, np.random.Generator]]:
        """Yield the row, the expression and the further randomness of each picture."""
        seed = self.options.seed
        split = splits.by_name(self.path, seed)
        for number in range(self.options.pictures):
            name = zlib.crc32(self.path.encode())
            rng = np.random.default_rng((seed, name, number))
            drawn = driven.draw(rng)
            if number == 0:
                drawn = Expression(dict.fromkeys(driven.AUS, 0.0), {})
            path = f"{self.path}/{number:02d}.jpg"
            aus = drawn.active()
            row = Row(path, split, self.path, frame=number, aus=aus)
            yield row, drawn, rng

    def render(self, find: LandmarkFinder) -> tuple[Faces, dict[str, Any]]:
        """Return the pictures, and how near to neutral the photograph is.

        Raises:
            UnusableImage: it cannot be decoded, has no face, or is not neutral.
        """
        image = read_image(self.options.raw / self.path)
        landmarks = find(image)
        if landmarks is None:
            raise UnusableImage("no_face", "no face found")
        size, measure = neutrality.deviation(landmarks, self.options.landmarks_by)
        if size > self.options.most:
            text = f"{measure}: {size:.1f} standard deviations from neutral people"
            raise UnusableImage("not_neutral", text)
        fitted = portrait.fit(image, landmarks)
        jpegs, points, problems = [], [], []
        for _, expression, rng in self.moments():
            wrinkles = rng.uniform(0, WRINKLES)
            picture, _ = reenactment.move(fitted, expression, wrinkles)
            if rng.random() < POOR:
                picture = lens.poor(picture.astype(np.float32) / 255, rng)
            try:
                face, found = chunks.aligned_face(picture, find)
            except UnusableImage as error:
                face, found = None, np.zeros((49, 2), np.float32)
                problems.append((error.reason, error.detail))
            else:
                problems.append(("", ""))
            jpegs.append(b"" if face is None else chunks.encode(face))
            points.append(found)
        deviation = {"measure": measure, "standard deviations": round(size, 2)}
        return Faces(jpegs, np.stack(points), problems), deviation


def make(options: ReenactOptions, pause: Callable[[], None] = lambda: None) -> None:
    """Make the set; after an interruption, do only the rest.

    Raises:
        UserError: there are no photographs, or none can be used, a package is missing,
            or the folder of the set holds something else or is among the photographs.
    """
    if options.data_dir.resolve().is_relative_to(options.raw.resolve()):
        raise UserError(
            f"--data_dir={options.data_dir} is inside --raw; choose another folder"
        )
    tree = walk(options.raw)
    paths = [p for folder in tree.folders for p in pictures(options.raw, folder)]
    if not paths:
        raise UserError(f"no pictures below --raw={options.raw}")
    jobs = [Job(options, path) for path in paths if is_text(path)]
    left_out = _left_out(map(str, tree.others), paths)
    others = [(left_out, Faces([], np.zeros((0, 49, 2), np.float32), []))]
    drawn = {splits.by_name(job.path, options.seed) for job in jobs}
    survey = Survey(
        driven.AUS,
        len(jobs) * options.pictures,
        _fingerprint(options, paths),
        dict.fromkeys(sorted(drawn), splits.drawn("photograph", options.seed)),
    )
    final = options.data_dir / NAME / writer.VERSION
    done = assemble.stored_report(final)
    if done and done["fingerprint"] == survey.fingerprint:
        print(f"{final} is up to date: nothing to do\n{counts.table(done)}")
        return
    if done:
        print(f"{final} was made from other files or settings: making it again")
    detect.make_finder(options.landmarks_by)  # reports what is missing
    with staging.locked(staging.unfinished(final)) as partial:
        folder = partial / "faces" / survey.fingerprint[:16]
        folder.mkdir(exist_ok=True)
        report = assemble.write(
            staging.pausing(
                itertools.chain(others, _made(options, jobs, folder)), pause
            ),
            partial / "data",
            NAME,
            survey,
            options.landmarks_by,
        )
        _write_tables(jobs, folder, partial / "data")
        staging.publish(partial, final)
    print(f"wrote {final}\n{counts.table(report)}")


def _left_out(others: Iterable[str], paths: list[str]) -> list[Item]:
    """Return the files that are no pictures, or whose names are no text."""
    left_out: list[Item] = [
        Reject(other, "not_image", "not a picture file") for other in others
    ]
    bad = [path for path in paths if not is_text(path)]
    return left_out + [Reject(p, "bad_name", "rename it to plain text") for p in bad]


def _fingerprint(options: ReenactOptions, paths: list[str]) -> str:
    """Return a digest that changes whenever the set would."""
    settings = dataclasses.asdict(options) | {"raw": "", "data_dir": "", "workers": 0}
    method = detect.version(options.landmarks_by)
    digest = hashlib.sha256(
        f"{VERSION} {chunks.SETTINGS} {writer.VERSION} {method} {settings}".encode()
    )
    for path in paths:
        entry = f"\0{path}\0{chunks.stamp(options.raw / path)}"
        digest.update(entry.encode(errors="surrogateescape"))
    return digest.hexdigest()


def _made(
    options: ReenactOptions, jobs: list[Job], folder: Path
) -> Iterator[tuple[list[Item], Faces]]:
    """Yield the pictures of every photograph in order, made by several processes."""
    with workers.pool(options.workers, _begin, options.landmarks_by) as submit:
        begun = ((job, submit(_make, job, folder)) for job in jobs)
        for job, future in workers.drawn_ahead(begun, 4 * options.workers):
            faces: Faces = future.result()
            rows: list[Item] = [row for row, _, _ in job.moments()]
            reason, detail = faces.problems[0]
            if not any(faces.jpegs):  # one line for the photograph, not one for each
                rows = [Reject(job.path, reason, detail)]
            yield rows, faces


_find: LandmarkFinder | None = None  # in a worker


def _begin(landmarks_by: LandmarksBy) -> None:
    """Set up a worker; its parent handles Ctrl-C."""
    global _find
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    workers.end_with_parent()
    cv2.setNumThreads(1)
    _find = detect.make_finder(landmarks_by)


def _make(job: Job, folder: Path) -> Faces:
    """Return the pictures of a photograph, from its file if there is one."""
    assert _find is not None
    file = _file(job, folder)
    faces = chunks.load(file)
    if faces is None:
        deviation: dict[str, Any] = {}
        try:
            faces, deviation = job.render(_find)
        except UnusableImage as error:
            n = job.options.pictures
            landmarks = np.zeros((n, 49, 2), np.float32)
            faces = Faces([b""] * n, landmarks, [(error.reason, error.detail)] * n)
        write_whole(file.with_suffix(".json"), json.dumps(deviation))
        chunks.save(file, faces)
    return faces


def _file(job: Job, folder: Path) -> Path:
    return folder / f"{hashlib.sha256(job.path.encode()).hexdigest()[:32]}.npz"


def _write_tables(jobs: list[Job], folder: Path, data: Path) -> None:
    """Write how strong each AU of each picture is, and how neutral each photograph."""
    with (
        (data / INTENSITIES).open("w", newline="", encoding="utf-8") as first,
        (data / "neutral.csv").open("w", newline="", encoding="utf-8") as second,
    ):
        strengths, neutral = (
            csv.writer(f, lineterminator="\n") for f in (first, second)
        )
        strengths.writerow(["path", *(f"AU{au:02d}" for au in driven.AUS)])
        neutral.writerow(["path", "measure", "standard deviations"])
        for job in jobs:
            file = _file(job, folder)
            deviation = json.loads(file.with_suffix(".json").read_text())
            if not deviation:
                continue
            neutral.writerow([job.path, *deviation.values()])
            for row, expression, _ in job.moments():
                values = [f"{expression.aus[au]:.3f}" for au in driven.AUS]
                strengths.writerow([row.path, *values])
