"""Makes a training set of a raw one: finds, aligns and stores every face.

    python -m au_jax.prepare --dataset=bp4d --raw=DIR --data_dir=OUT

writes the TFDS data set OUT/bp4d/1.0.0 (au_jax/preparation/writer.py) with
`rejected.csv`, which names every file that cannot be used and why, and `counts.json`.
A run that was interrupted goes on where it stopped, by the same command. Every run ends
with a check, which writes `report.html` into the same folder; it can be had alone:

    python -m au_jax.prepare --check=OUT

Exit code: 0; 1 when the check finds what would spoil a training; 2 for bad input.
"""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# The decoders print lines of their own about damaged files; each is in rejected.csv.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")

from absl import app, flags, logging

from au_jax.errors import UserError, run_program
from au_jax.runtime import command_line, signals

DATASET = flags.DEFINE_string("dataset", None, "The raw set; folder is any.")
RAW = flags.DEFINE_string("raw", None, "Folder of the raw set, as it was released.")
DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder for prepared sets.")
WORKERS = flags.DEFINE_integer("workers", 0, "Processes; 0 is one for each core.")
SEED = flags.DEFINE_integer("seed", 0, "Of splits and draws that are not published.")
CHECK = flags.DEFINE_string("check", None, "Only checks the prepared sets in there.")
LANDMARKS = flags.DEFINE_string("landmarks", None, "File of known landmarks.")
BASE = flags.DEFINE_enum(
    "landmarks_base", "0", ["0", "1"], "Number of the first pixel in that file."
)
THRESHOLD = flags.DEFINE_integer(
    "threshold",
    None,
    "disfa: intensity from which an AU is active; 2 unless given.",
    lower_bound=1,
    upper_bound=5,
)
AUS = flags.DEFINE_list("aus", None, "lists: the AUs of the label columns, in order.")
SPLIT = flags.DEFINE_string("split", None, "A published split, such as bp4d-fold1.")
BEAM = flags.DEFINE_string(
    "beam",
    None,
    "Finds the faces by Apache Beam, with these pipeline options; may be empty.",
)
FACES = flags.DEFINE_enum(
    "faces",
    None,
    ["show", "blur", "none"],
    "How reports show faces; unless given, those of licensed sets are left out.",
)


def main(argv: Sequence[str]) -> int:
    """Checks the flags, then prepares or checks."""
    del argv
    logging.set_verbosity(logging.WARNING)  # TFDS names every file that it opens
    try:
        with signals.noted() as pause:
            return _check(pause) if CHECK.value else _prepare(pause)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where it stopped", file=sys.stderr)
        return 130


def _check(pause: Callable[[], None]) -> int:
    from au_jax.preparation.checks.run import check

    raw = Path(RAW.value) if RAW.value else None
    return check(Path(CHECK.value or ""), raw, FACES.value, pause)


def _prepare(pause: Callable[[], None]) -> int:
    dataset = _given(DATASET, "a raw set, such as bp4d or folder")
    raw = Path(_given(RAW, "the folder of the raw set"))
    data_dir = Path(_given(DATA_DIR, "a folder for prepared sets"))
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    workers = WORKERS.value or cores or 1
    # Late: worker processes import this module too, and need none of TFDS.
    from au_jax.preparation.run import prepare
    from au_jax.raw.landmark_file import open_landmarks

    known = None
    if LANDMARKS.value:
        known = open_landmarks(Path(LANDMARKS.value), int(BASE.value or 0))
    seed, faces = SEED.value, FACES.value
    return prepare(
        dataset,
        raw,
        data_dir,
        workers,
        seed,
        pause=pause,
        faces=faces,
        known=known,
        split=SPLIT.value,
        beam=BEAM.value,
        options=_options(dataset),
    )


def _options(dataset: str) -> dict[str, Any]:
    """What only some readers take."""
    options: dict[str, Any] = {}
    for flag, reader in ((THRESHOLD, "disfa"), (AUS, "lists")):
        if flag.value is not None and dataset != reader:
            raise UserError(f"--{flag.name} is for --dataset={reader}, not {dataset}")
    if THRESHOLD.value is not None:
        options["threshold"] = THRESHOLD.value
    if AUS.value is not None:
        aus = AUS.value
        if not all(au.isdigit() for au in aus) or len(set(aus)) < len(aus):
            raise UserError(f"--aus={','.join(aus)}: give numbers, each once")
        options["aus"] = tuple(int(au) for au in aus)
    return options


def _given(flag: flags.FlagHolder[str | None], what: str) -> str:
    if not flag.value:
        raise UserError(f"--{flag.name}=... is missing: give {what}")
    return flag.value


if __name__ == "__main__":
    parse = command_line.parse
    try:
        run_program(lambda: app.run(main, argv=sys.argv, flags_parser=parse))
    except KeyboardInterrupt:  # while modules were loaded
        print("interrupted before anything was done", file=sys.stderr)
        sys.exit(130)
