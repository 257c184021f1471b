"""Find faces in pictures and videos, and predict their action units.

    python -m au_jax.predict INPUT... --out=DIR [--model=model.aujax]

The model is the one that comes with au_jax (docs/model.md), unless --model names one.
INPUT is a picture, a video, a folder (searched at any depth), a glob pattern in quotes,
or the number of a camera, which must be the only input. DIR gets `aus.csv` with a row
for each face of each frame, the card of the model and the settings. Run the same
command again to resume after an interruption. Ctrl-C ends the recording of a camera.

Exit codes: 0 if every row is ok; 1 if a row is not (no face, low confidence, cannot be
decoded); 2 for a mistake in the command; 130 after Ctrl-C.
"""

import functools
import os
import sys
from collections.abc import Sequence
from pathlib import Path

# Decoders print messages about damaged files; the table has a row for each instead.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")

from absl import app, flags

from au_jax.errors import UserError, run_program
from au_jax.runtime import command_line
from au_jax.runtime.workers import num_cores

MODEL = flags.DEFINE_string(
    "model",
    None,
    "The model file, or the work directory of a training run; by default, the model"
    " that comes with au_jax.",
)
OUT = flags.DEFINE_string("out", None, "The folder for the results.")
PATH = flags.DEFINE_enum(
    "path",
    None,
    ["reconstructed", "direct"],
    "Predict AUs from these features: the target's own separated features or those of"
    " the image itself; by default, as the model was chosen.",
)
FACES = flags.DEFINE_enum(
    "faces",
    "find",
    ["find", "whole"],
    "Find the faces in each picture, or take each whole picture for one face that is"
    " cut out and aligned already.",
)
EVERY = flags.DEFINE_integer(
    "every",
    10,
    "Search for faces in every n-th frame of a video, and track them in between.",
    lower_bound=1,
)
FORMAT = flags.DEFINE_list(
    "format", ["csv"], "Write these tables besides aus.csv: parquet, openface."
)
OVERLAY = flags.DEFINE_bool(
    "overlay", False, "Write annotated pictures and videos to the folder overlay."
)
REPORT = flags.DEFINE_bool(
    "report", False, "Write report.html, a page with timelines and a gallery of faces."
)
BASELINE = flags.DEFINE_string(
    "baseline",
    None,
    "Take each face's own neutral level off its answers, in aus_baseline.csv and in all"
    " that is made from it: median (of a face's frames), frames:0-50 (neutral ones), or"
    " the aus.csv of neutral pictures of the person.",
)
LANDMARKS_BY = flags.DEFINE_string(
    "landmarks_by",
    None,
    "How landmarks are found: au_jax; dlib68, whose licence excludes commercial use; or"
    " a file of the landmarks of pictures. By default, as when the model was trained.",
)
BASE = flags.DEFINE_enum(
    "landmarks_base",
    None,
    ["0", "1"],
    "The number of the first pixel in the file of --landmarks_by; 0 by default.",
)
LIVE = flags.DEFINE_integer(
    "live",
    0,
    "Show the newest frame at http://127.0.0.1:PORT/ on this port; 0 shows nothing.",
    lower_bound=0,
    upper_bound=65535,
)

WORKERS = flags.DEFINE_integer(
    "workers",
    1,
    "Processes that find the faces of many pictures; 0 means one per core."
    " Videos and cameras take one thread.",
    lower_bound=0,
)


def main(argv: Sequence[str]) -> int:
    """Load the model, predict, and return the exit code."""
    # JAX is imported later: it takes seconds, for which mistakes need not wait.
    from au_jax.prediction import baseline, rows
    from au_jax.prediction.inputs import LeftOut, expand
    from au_jax.raw import landmark_file

    assert OUT.value is not None
    assert FORMAT.value is not None
    if len(argv) < 2:
        raise UserError("no input is given: name pictures, videos or folders")
    formats = rows.check_formats(FORMAT.value)
    neutral = None if BASELINE.value is None else baseline.parse(BASELINE.value)
    known, by = None, landmark_file.landmarks_by(LANDMARKS_BY.value, BASE.value)
    if isinstance(by, landmark_file.LandmarkFile):
        known, by = by, None
    if MODEL.value and not os.path.exists(MODEL.value):
        raise UserError(
            f"--model={MODEL.value}: there is no such file; leave out --model to use"
            " the model that comes with au_jax"
        )
    out, left_out = Path(OUT.value), LeftOut()
    if os.path.exists(out) and not out.is_dir():
        raise UserError(f"--out={out} is not a folder; give a folder for the results")
    sources = expand(argv[1:], out, left_out)
    for line in left_out.lines():
        print(line, file=sys.stderr)

    from au_jax.model_file import file as model_file
    from au_jax.prediction import run
    from au_jax.prediction.detector import Detector
    from au_jax.runtime import compilation_cache, console

    console.set_up_logging()
    compilation_cache.use()
    overlay, report = bool(OVERLAY.value), bool(REPORT.value)
    outputs = run.Outputs(formats, overlay, report, LIVE.value or 0, neutral)
    workers = WORKERS.value or num_cores()
    options = run.SearchOptions(
        EVERY.value or 1, FACES.value == "whole", known, workers
    )
    run.check_known(sources, options)
    path = Path(MODEL.value) if MODEL.value else model_file.SHIPPED
    detector = Detector(run.open_model(path), PATH.value, by)
    try:
        summary = run.write_results(detector, sources, out, options, outputs)
    except KeyboardInterrupt:
        print("interrupted; run the same command again to resume", file=sys.stderr)
        return 130
    print(summary.describe(out / rows.TABLE))
    return 0 if summary.all_ok else 1


if __name__ == "__main__":
    parse = functools.partial(command_line.parse, required=("out",), inputs=True)
    run_program(lambda: app.run(main, flags_parser=parse))
