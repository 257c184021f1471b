"""Find faces with Apache Beam, for sets that would take one machine days.

Beam does only the slow part: it turns each piece of work into the file of faces that a
local run would make (chunks.py). The local run then finds all these files and writes
the same data set, byte for byte. All machines must see the raw folder and --data_dir
under the same paths.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import apache_beam as beam  # pyright: ignore[reportMissingImports]
import cv2
from apache_beam.options.pipeline_options import (  # pyright: ignore[reportMissingImports]
    DirectOptions,
    PipelineOptions,
    StandardOptions,
)
from apache_beam.runners import create_runner  # pyright: ignore[reportMissingImports]

from au_jax.errors import UserError
from au_jax.faces.detect import LandmarkFinder
from au_jax.preparation import chunks
from au_jax.raw.row import Row


def find_faces(
    raw: Path,
    folder: Path,
    work: Iterable[Sequence[Row]],
    make_finder: Callable[[], LandmarkFinder],
    options: Sequence[str],
) -> None:
    """Store the faces of each piece of work in `folder`.

    Args:
        raw: The raw folder.
        folder: Gets the results.
        work: The rows of images, piece by piece.
        make_finder: Makes, in each process, the function that finds landmarks.
        options: Pipeline options as on a command line: --runner=..., ...

    Raises:
        UserError: the options cannot be used, or results are missing at the end.
    """
    settings = pipeline_options(options)
    plan = folder / "work.jsonl"
    offsets: list[int] = []
    with plan.open("wb") as stream:
        for rows in work:
            if rows and not chunks.stored(chunks.chunk_file(folder, raw, rows)):
                offsets.append(stream.tell())
                stream.write(_to_line(rows))
    if not offsets:
        return
    with beam.Pipeline(options=settings) as pipeline:
        numbers = pipeline | beam.Create(offsets) | beam.Reshuffle()
        _ = numbers | beam.ParDo(_FindFaces(raw, folder, plan, make_finder))
    total = done = 0
    with plan.open("rb") as stream:
        for line in stream:
            rows = _from_line(line)
            total += len(rows)
            done += chunks.stored(chunks.chunk_file(folder, raw, rows))
    if done != total:
        raise UserError(
            f"Beam returned {done} of {total} examples: does every machine see"
            f" {folder.absolute()}? Run the same command again to do the rest"
        )


def pipeline_options(options: Sequence[str]) -> PipelineOptions:
    """Parse and check pipeline options; the default runner runs in this process.

    Raises:
        UserError: there is no such runner, or the options choose the mode of Beam's own
            runner that silently loses examples.
    """
    settings = PipelineOptions(list(options))
    try:
        create_runner(settings.view_as(StandardOptions).runner or "DirectRunner")
    except (ValueError, ImportError, AttributeError) as error:
        raise UserError(f"--beam: {' '.join(str(error).split())}") from None
    mode = settings.view_as(DirectOptions).direct_running_mode
    if mode == "multi_threading":
        raise UserError(
            "--beam: direct_running_mode=multi_threading loses examples (seen with Beam"
            " 2.77); use in_memory or multi_processing"
        )
    return settings


class _FindFaces(beam.DoFn):
    """Does a piece of work, given by its offset in the plan."""

    def __init__(
        self,
        raw: Path,
        folder: Path,
        plan: Path,
        make_finder: Callable[[], LandmarkFinder],
    ):
        # Workers may run in another folder.
        self.raw, self.folder = raw.absolute(), folder.absolute()
        self.plan = plan.absolute()
        self.make_finder = make_finder

    def setup(self) -> None:
        """Set up a process."""
        cv2.setNumThreads(1)
        self.find = self.make_finder()

    def process(self, offset: int) -> Iterable[None]:
        """Find the faces, unless an earlier attempt did."""
        with self.plan.open("rb") as stream:
            stream.seek(offset)
            rows = _from_line(stream.readline())
        file = chunks.chunk_file(self.folder, self.raw, rows)
        if chunks.load(file) is None:
            chunks.save(file, chunks.extract(self.raw, rows, self.find))
        return ()


def _to_line(rows: Sequence[Row]) -> bytes:
    """Serialise the parts of rows that finding their faces needs."""
    parts = [[row.path, row.video, row.frame, row.landmarks.hex()] for row in rows]
    return json.dumps(parts).encode() + b"\n"


def _from_line(line: bytes) -> list[Row]:
    return [
        Row(path, "", frame=frame, landmarks=bytes.fromhex(landmarks), video=video)
        for path, video, frame, landmarks in json.loads(line)
    ]
