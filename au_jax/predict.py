"""Finds faces and their action units in pictures and videos.

    python -m au_jax.predict --model=model.aujax INPUT... --out=DIR

INPUT is a picture, a video, a folder (searched at any depth), a pattern in quotes or
the number of a camera, alone. DIR gets `aus.csv`, a row per face and frame (au_jax/
prediction/rows.py), the card of the model and the settings. After an interruption the
same command goes on where it was; of a camera, Ctrl-C is the end.

Exit code: 0; 1 when a row is not ok (no face, low confidence, not decoded); 2 for a
mistake of the user; 130 when interrupted.
"""

import functools
import os
import sys
from collections.abc import Sequence
from pathlib import Path

# The decoders print lines of their own about damaged files; each has its row.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")

from absl import app, flags

from au_jax.errors import UserError, run_program
from au_jax.runtime import command_line, signals

MODEL = flags.DEFINE_string(
    "model", None, "a file of python -m au_jax.export, or the folder of a training run"
)
OUT = flags.DEFINE_string("out", None, "a folder for the results")
PATH = flags.DEFINE_enum(
    "path", None, ["reconstructed", "direct"], "by which features AUs are found"
)
FACES = flags.DEFINE_enum(
    "faces", "find", ["find", "whole"], "whole: pictures are cut-out faces already"
)
EVERY = flags.DEFINE_integer(
    "every", 10, "videos are searched in every n-th frame, and followed in between", 1
)
FORMAT = flags.DEFINE_list(
    "format", ["csv"], "more tables besides aus.csv: parquet, openface"
)
OVERLAY = flags.DEFINE_bool("overlay", False, "write annotated pictures and videos")
REPORT = flags.DEFINE_bool("report", False, "write report.html, a page to look at")
LIVE = flags.DEFINE_integer(
    "live", 0, "a port: the newest frame is shown at http://127.0.0.1:PORT/", 0, 65535
)


def main(argv: Sequence[str]) -> int:
    """Loads the model and predicts."""
    from au_jax.prediction import finish, run
    from au_jax.prediction.detector import Detector
    from au_jax.prediction.inputs import expand
    from au_jax.prediction.views import live, overlay, report_page
    from au_jax.runtime import compilation_cache, console

    assert MODEL.value is not None
    assert OUT.value is not None
    assert FORMAT.value is not None
    console.set_up_logging()
    compilation_cache.use()
    if len(argv) < 2:
        raise UserError("no input is given: name pictures, videos or folders")
    formats = finish.check_formats(FORMAT.value)
    sources, out = expand(argv[1:]), Path(OUT.value)
    if out.exists() and not out.is_dir():
        raise UserError(f"--out={out} is no folder")
    detector = Detector(finish.open_model(Path(MODEL.value)), PATH.value)
    options = run.Options(EVERY.value or 1, FACES.value == "whole")
    aus, table = detector.model.aus, out / run.TABLE
    try:
        with signals.noted() as pause, live.serve(LIVE.value or 0, aus) as show:
            summary = run.predict(detector, sources, out, options, pause, show)
        with signals.noted() as pause:  # a camera's recording ended with Ctrl-C
            finish.write_tables(out, aus, formats)
            if OVERLAY.value:
                overlay.write(table, out / "overlay", sources, aus, pause)
            if REPORT.value:
                limits = dict(zip(aus, detector.thresholds.tolist(), strict=True))
                report_page.write(table, out / "report.html", sources, limits, pause)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on", file=sys.stderr)
        return 130
    print(finish.told(summary, out))
    return 0 if summary.all_ok else 1


if __name__ == "__main__":
    parse = functools.partial(
        command_line.parse, required=("model", "out"), inputs=True
    )
    run_program(lambda: app.run(main, flags_parser=parse))
