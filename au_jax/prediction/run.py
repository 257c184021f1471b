"""A run of prediction: it writes the table as it goes, and can be resumed."""

import contextlib
import dataclasses
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from au_jax.errors import UserError
from au_jax.model_file import file as model_file
from au_jax.prediction import baseline, derived, rows
from au_jax.prediction.baseline import Baseline, Levels
from au_jax.prediction.detector import Detector
from au_jax.prediction.inputs import OVERLAY, Source
from au_jax.prediction.resume import REPORT, check_same_model, resume
from au_jax.prediction.rows import TABLE
from au_jax.prediction.search import FrameFaces, Position, SearchOptions, Seconds
from au_jax.prediction.search_thread import search
from au_jax.prediction.views import live, overlay, report_page
from au_jax.raw.landmark_file import name_in, points_of
from au_jax.runtime import signals
from au_jax.runtime.files import append, locked

LOG = logging.getLogger(__name__)

# In a chunk, after which the progress is saved; few frames may have a face.
_MAX_FACES, _MAX_FRAMES = 16, 32


@dataclasses.dataclass(frozen=True)
class Outputs:
    """The results that are wanted besides aus.csv."""

    formats: frozenset[str] = frozenset()
    """More tables, some of `rows.FORMATS`."""
    overlay: bool = False
    """Annotated pictures and videos."""
    report: bool = False
    """The report page."""
    live_port: int = 0
    """Port of the live preview; 0 for none. It shows answers without the baseline."""
    baseline: Baseline | None = None
    """The neutral faces that the other results are relative to."""

    @property
    def names(self) -> set[str]:
        """The names of the results that are made from the table."""
        asked = {
            rows.PARQUET: "parquet" in self.formats,
            rows.OPENFACE: "openface" in self.formats,
            REPORT: self.report,
            OVERLAY: self.overlay,
        }
        return {name for name, wanted in asked.items() if wanted}


@dataclasses.dataclass(frozen=True)
class Summary:
    """Counts and times of a run."""

    rows: dict[str, int]
    """Number of rows by status, including those from before an interruption."""
    frames: int
    """Number of frames; this and the times leave out what was done before."""
    wall: float
    """Seconds from start to end."""
    seconds: Seconds

    @property
    def all_ok(self) -> bool:
        """True if every row has a face that was found with confidence."""
        return set(self.rows) <= {"ok"}

    def describe(self, table: Path) -> str:
        """Return the counts and the speed in one or two lines."""
        counts = ", ".join(f"{n} {status}" for status, n in sorted(self.rows.items()))
        lines = [f"{table}: {counts} rows"]
        if self.frames:
            parts = ", ".join(
                f"{name} {1000 * part / self.frames:.1f}"
                for name, part in dataclasses.asdict(self.seconds).items()
            )
            lines.append(
                f"{self.frames} frames in {self.wall:.1f} s,"
                f" {self.frames / self.wall:.1f} per second;"
                f" milliseconds per frame: {parts}"
            )
        return "\n".join(lines)


def open_model(path: Path) -> model_file.Model:
    """Load a model file, or the networks of a run that validated best on the target."""
    if not path.is_dir():
        return model_file.load(path)
    from au_jax.model_file import from_run  # imports orbax, which files do not need

    return model_file.with_digest(from_run.load(path, "target"))


def check_known(sources: Sequence[Source], options: SearchOptions) -> None:
    """Raise a `UserError` if known landmarks do not fit the inputs or other options.

    A picture that the file does not name has no face; but one of them has to be named.
    A line is of one picture: "x.png" cannot tell those of two folders apart.
    """
    if options.known is None:
        return
    if options.whole:
        raise UserError("--faces=whole has no landmarks; leave out --landmarks_by")
    for source in sources:
        if source.kind != "image":
            raise UserError(
                f"--landmarks_by={options.known.file} states landmarks of pictures, and"
                f" {source.name} is a {source.kind}; predict it on its own"
            )
    named: dict[str, str] = {}
    for source in sources:
        name = name_in(options.known, source.file)
        if name and (other := named.setdefault(name, source.name)) != source.name:
            raise UserError(
                f"--landmarks_by={options.known.file}: {name} may be {other} or"
                f" {source.name}; name them there with their folders"
            )
    # Every line is read, so that a wrong one does not end the run in the middle.
    found = [points_of(options.known, source.file) for source in sources]
    if all(points is None for points in found):
        raise UserError(
            f"--landmarks_by={options.known.file} names none of the pictures; it has"
            f" {next(iter(options.known.offsets))}, and the first is {sources[0].name}"
        )


def write_results(
    detector: Detector,
    sources: Sequence[Source],
    out: Path,
    options: SearchOptions,
    outputs: Outputs,
) -> Summary:
    """Predict all sources, then write the other wanted results from the table.

    Raises:
        UserError: see `predict`; or the port of the preview is taken; or the model
            needs landmarks, and whole pictures have none; or there is no baseline.
        KeyboardInterrupt: Ctrl-C was pressed; the same call resumes.
    """
    if options.whole:
        detector.check_whole()
    aus, levels = detector.model.aus, None
    if outputs.baseline:
        baseline.check(outputs.baseline, sources, aus)
        if outputs.baseline.file:
            check_same_model(outputs.baseline.file, detector)
        levels = Levels(
            aus,
            detector.thresholds,
            detector.usual(outputs.baseline.faces),
            detector.intensities,
        )
    with (
        signals.interrupt_noted() as check_interrupt,
        live.serve(outputs.live_port, aus) as show,
        locked(out, f"predicting into {out}"),
    ):
        summary = predict(detector, sources, out, options, check_interrupt, show)
    # Ctrl-C may have ended the recording of a camera, so this listens afresh.
    with (
        signals.interrupt_noted() as check_interrupt,
        locked(out, f"predicting into {out}"),
    ):
        table = out / TABLE
        removed = baseline.remove(out)
        if outputs.baseline and levels:
            table = baseline.write(table, out, outputs.baseline, levels)
            removed = []
        removed += derived.renew(table, out, outputs.names)
        if removed:
            text = "%s: removed %s, made of an earlier table (--baseline was another)"
            LOG.warning(text, out, ", ".join(removed))
        rows.write_formats(table, out, aus, outputs.formats)
        if outputs.overlay:
            overlay.write(table, out / OVERLAY, sources, aus, check_interrupt)
        if outputs.report:
            thresholds = dict(zip(aus, detector.thresholds.tolist(), strict=True))
            page = out / REPORT
            note = outputs.baseline.note if outputs.baseline else ""
            report_page.write(table, page, sources, thresholds, check_interrupt, note)
    return summary


def predict(
    detector: Detector,
    sources: Sequence[Source],
    out: Path,
    options: SearchOptions,
    check_interrupt: Callable[[], None] = lambda: None,
    show: live.Show | None = None,
) -> Summary:
    """Write the table of all sources into a folder, or resume writing it.

    Args:
        detector: The model.
        sources: The inputs, in the order of the table.
        out: The folder, created if it does not exist.
        options: How faces are searched for.
        check_interrupt: Called after each chunk of frames. Any exception from it ends
            the run, and the same call resumes; but a KeyboardInterrupt ends the
            recording of a camera, whose summary is returned.
        show: Called with the last frame of each chunk, with its pixels, and with all
            rows of the chunk.

    Raises:
        UserError: `out` holds results of other inputs, settings or another model;
            or the table cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    progress = resume(detector, sources, out, options)
    seconds, start, frames = Seconds(), time.perf_counter(), 0
    keep_pixels = show is not None
    start_at = progress.position
    results = search(detector, sources, start_at, options, seconds, keep_pixels)
    with _recording(sources), contextlib.closing(results):
        for chunk in _chunks(results):
            frames += len(chunk)
            lines = _rows(detector, chunk, seconds)
            clock = time.perf_counter()
            progress.counts.update(map(rows.status_of, lines))
            text = rows.to_text(lines)
            append(out / TABLE, text)
            progress.add(text)
            progress.position = chunk[-1].after
            progress.save(out)
            seconds.output += time.perf_counter() - clock
            if show:
                show(chunk[-1].frame, lines)
            check_interrupt()
    progress.position = Position(len(sources))
    progress.save(out)
    return Summary(dict(progress.counts), frames, time.perf_counter() - start, seconds)


def _recording(sources: Sequence[Source]) -> contextlib.AbstractContextManager[None]:
    """Let Ctrl-C end the recording of a camera, which has no end of its own."""
    camera = any(source.kind == "camera" for source in sources)
    return (
        contextlib.suppress(KeyboardInterrupt) if camera else contextlib.nullcontext()
    )


def _chunks(results: Iterator[FrameFaces]) -> Iterator[list[FrameFaces]]:
    """Group frames by their number of faces; a camera's frames stay single."""
    chunk: list[FrameFaces] = []
    for item in results:
        if chunk:  # only the last frame of a chunk may be shown
            chunk[-1] = chunk[-1].without_pixels()
        chunk.append(item)
        camera = item.frame.source.kind == "camera"
        full = sum(len(other.crops) for other in chunk) >= _MAX_FACES
        if camera or full or len(chunk) >= _MAX_FRAMES:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _rows(
    detector: Detector, chunk: list[FrameFaces], seconds: Seconds
) -> list[list[str]]:
    """Run the network on the faces of a chunk, and return their rows."""
    clock = time.perf_counter()
    crops = [crop for item in chunk for crop in item.crops]
    probabilities = iter(detector.probabilities(crops))
    seconds.network += time.perf_counter() - clock
    clock = time.perf_counter()
    lines = []
    for item in chunk:
        for number, face in item.faces:
            result = detector.face_aus(face, next(probabilities))
            values = result.probabilities, result.decisions, result.intensities
            lines.append(rows.face_row(item.frame, number, face, *values))
        if not item.faces:
            lines.append(rows.empty_row(item.frame, detector.model.aus))
    seconds.output += time.perf_counter() - clock
    return lines
