"""The embedded data sets faces_lab and faces_wild, rendered person by person."""

import csv
import dataclasses
import hashlib
import json
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np

from au_jax.faces import align
from au_jax.preparation import assemble, chunks, counts, staging, writer
from au_jax.preparation.assemble import Item, Survey
from au_jax.preparation.chunks import Faces
from au_jax.raw.row import Row
from au_jax.rendering import scenes
from au_jax.rendering.expression import AUS, draw_sequence
from au_jax.rendering.person import Person, draw_person
from au_jax.rendering.scenes import Photo, Scene
from au_jax.runtime import workers
from au_jax.runtime.files import write_whole

VERSION = 2  # increase it when the same seed gives other pictures


@dataclasses.dataclass(frozen=True)
class Plan:
    """The content of a set. A task is a sequence of frames, as in BP4D."""

    name: str
    initial: str  # the first letter of subjects' names
    people: Mapping[str, int]  # by split; nobody is in two splits
    tasks: int
    frames: int
    rates: Mapping[int, float]  # share of the tasks in which an AU becomes active
    together: Mapping[tuple[int, int], float]
    distraction: float  # the probability of each movement without a label
    draw_scene: Callable[[np.random.Generator], Scene]


PLANS = {
    "faces_lab": Plan(
        name="faces_lab",
        initial="L",
        people={"train": 160, "val": 20, "test": 40},
        tasks=3,
        frames=3,
        rates={1: 0.35, 2: 0.30, 4: 0.35, 6: 0.40, 12: 0.45, 17: 0.35},
        together={(1, 2): 0.3, (6, 12): 0.5},
        distraction=0.03,
        draw_scene=scenes.draw_lab,
    ),
    "faces_wild": Plan(
        name="faces_wild",
        initial="W",
        people={"train": 800, "val": 150, "test": 250},
        tasks=1,
        frames=2,
        rates={1: 0.40, 2: 0.25, 4: 0.30, 6: 0.55, 12: 0.65, 17: 0.25},
        together={(1, 2): 0.2, (6, 12): 0.4, (4, 17): 0.2},
        distraction=0.04,
        draw_scene=scenes.draw_wild,
    ),
}


@dataclasses.dataclass(frozen=True)
class Job:
    """The pictures of one person."""

    plan: Plan
    seed: int
    split: str
    number: int  # the number of the person in the set, from 1

    def rows(self) -> list[Row]:
        """Return the names and labels of the pictures that `render` makes."""
        return [row for row, _ in self._moments()]

    def render(self) -> tuple[Faces, list[dict[str, str]]]:
        """Render the pictures, align them by the true landmarks, and encode them.

        Returns:
            The faces, and the groups that each picture belongs to.
        """
        jpegs, landmarks, groups = [], [], []
        person = draw_person(self._rng(0))
        for row, photo in self._photos(person):
            glasses = {"glasses": "yes" if photo.glasses else "no"}
            groups.append({"path": row.path} | person.groups() | glasses)
            matrix = align.alignment_matrix(photo.landmarks)
            jpegs.append(chunks.encode(align.align_image(photo.image, matrix)))
            landmarks.append(align.align_landmarks(photo.landmarks, matrix))
        stacked = np.stack(landmarks).astype(np.float32)
        return Faces(jpegs, stacked, [("", "")] * len(jpegs)), groups

    def photos(self) -> Iterator[tuple[Row, Photo]]:
        """Yield each picture before it is aligned, with its name and labels."""
        yield from self._photos(draw_person(self._rng(0)))

    def _photos(self, person: Person) -> Iterator[tuple[Row, Photo]]:
        for row, (expression, scene) in self._moments():
            yield row, scenes.photograph(person, expression, scene, row.frame)

    def _moments(self) -> Iterator[tuple[Row, tuple]]:
        plan = self.plan
        subject = f"{plan.initial}{self.number:04d}"
        for task in range(1, plan.tasks + 1):
            rng = self._rng(task)
            scene = plan.draw_scene(rng)
            sequence = draw_sequence(
                rng, plan.frames, plan.rates, plan.together, plan.distraction
            )
            for frame, expression in enumerate(sequence, start=1):
                path = f"{subject}/T{task}/{frame:02d}.jpg"
                aus = expression.active()
                row = Row(path, self.split, subject, f"T{task}", frame, aus)
                yield row, (expression, scene)

    def _rng(self, part: int) -> np.random.Generator:
        """Return the generator of the person (0) or of a task."""
        entropy = (self.seed, ord(self.plan.initial), self.number, part)
        return np.random.default_rng(entropy)


def jobs(plan: Plan, seed: int, size: float) -> list[Job]:
    """Return all people of a set; `size` multiplies their number."""
    splits = [
        split
        for split, people in plan.people.items()
        for _ in range(max(1, round(people * size)))
    ]
    return [Job(plan, seed, split, i) for i, split in enumerate(splits, start=1)]


def render(
    name: str,
    data_dir: Path,
    seed: int,
    size: float,
    processes: int,
    pause: Callable[[], None] = lambda: None,
) -> None:
    """Render a set into `data_dir`; after an interruption, do only the rest.

    Raises:
        UserError: the folder holds something else, or another run uses it.
    """
    plan = PLANS[name]
    work = jobs(plan, seed, size)
    settings = f"{VERSION} {chunks.SETTINGS} {writer.VERSION} {seed} {size} {plan}"
    # The repr of a function contains its address.
    settings = settings.replace(repr(plan.draw_scene), plan.draw_scene.__name__)
    fingerprint = hashlib.sha256(settings.encode()).hexdigest()
    images = len(work) * plan.tasks * plan.frames
    rules = dict.fromkeys(plan.people, "each rendered person in one split")
    survey = Survey(AUS, images, fingerprint, rules)
    final = data_dir / name / writer.VERSION
    done = assemble.stored_report(final)
    if done and done["fingerprint"] == fingerprint:
        print(f"{final} is up to date: nothing to do\n{counts.table(done)}")
        return
    if done:
        print(f"{final} was made with other settings: making it again")
    with staging.locked(staging.unfinished(final)) as partial:
        files = [partial / "faces" / f"{fingerprint[:16]}-{j.number}.npz" for j in work]
        report = assemble.write(
            staging.pausing(_rendered(work, files, processes), pause),
            partial / "data",
            name,
            survey,
            landmarks_by="rendering",
        )
        _write_groups(files, partial / "data" / "groups.csv")
        staging.publish(partial, final)
    print(f"wrote {final}\n{counts.table(report)}")


def _rendered(
    work: list[Job], files: list[Path], processes: int
) -> Iterator[tuple[list[Item], Faces]]:
    """Yield the pictures of all people in order, rendered by several processes."""
    with workers.pool(processes, _begin, task="renders faces") as submit:
        begun = (
            (job, submit(_render, job, file))
            for job, file in zip(work, files, strict=True)
        )
        for job, faces in workers.drawn_ahead(begun, 4 * processes):
            yield list(job.rows()), faces.result()


def _begin() -> None:
    """Set up a worker; its parent handles Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    workers.end_with_parent()
    cv2.setNumThreads(1)


def _render(job: Job, file: Path) -> Faces:
    """Return the pictures of a person, from the file if there is one."""
    faces, groups = chunks.load(file), file.with_suffix(".json")
    if faces is None or not groups.exists():
        faces, described = job.render()
        write_whole(groups, json.dumps(described))
        chunks.save(file, faces)
    return faces


def _write_groups(files: list[Path], table: Path) -> None:
    """Write the groups of all pictures as a table, for scores by group."""
    parts = (json.loads(file.with_suffix(".json").read_text()) for file in files)
    rows = [row for part in parts for row in part]
    with table.open("w", newline="") as stream:
        lines = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        lines.writeheader()
        lines.writerows(rows)
