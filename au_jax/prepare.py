"""Prepare a raw data set for training: detect, align and store every face.

    python -m au_jax.prepare --dataset=bp4d --raw=DIR --data_dir=OUT

writes the TFDS data set OUT/bp4d/1.0.0 with `rejected.csv`, which names every file that
cannot be used and the reason, and `counts.json`. Run the same command again to resume
after an interruption. Each run ends with a check, which writes `report.html` into the
same folder. To run the check alone:

    python -m au_jax.prepare --check=OUT

Exit code: 0; 1 if the check has a finding that would spoil a training; 2 for bad input;
130 after Ctrl-C.
"""

import functools
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# The decoders print their own lines about damaged files, which rejected.csv names.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")

from absl import app, flags, logging

from au_jax.errors import UserError, run_program
from au_jax.raw.label_table import LARGEST_AU
from au_jax.runtime import command_line, signals
from au_jax.runtime.workers import num_cores

DATASET = flags.DEFINE_string(
    "dataset",
    None,
    "The raw set: bp4d, bp4dplus, disfa, emotionet, rafau, lists, or folder for any"
    " folder of pictures and videos.",
)
NAME = flags.DEFINE_string(
    "name", None, "The name of the prepared set; by default, that of the raw set."
)
RAW = flags.DEFINE_string("raw", None, "The folder of the raw set, as released.")
DATA_DIR = flags.DEFINE_string("data_dir", None, "The folder for prepared sets.")
WORKERS = flags.DEFINE_integer("workers", 0, "Processes; 0 means one per core.")
SEED = flags.DEFINE_integer(
    "seed",
    0,
    "The seed of draws and unpublished splits.",
    lower_bound=0,
    upper_bound=2**32 - 1,
)
CHECK = flags.DEFINE_string("check", None, "Only check the prepared sets in here.")
LANDMARKS_BY = flags.DEFINE_string(
    "landmarks_by",
    "au_jax",
    "How landmarks are found: au_jax; dlib68, whose licence excludes commercial use; or"
    " a file of known landmarks.",
)
BASE = flags.DEFINE_enum(
    "landmarks_base",
    None,
    ["0", "1"],
    "The number of the first pixel in the file of --landmarks_by; 0 by default.",
)
THRESHOLD = flags.DEFINE_integer(
    "threshold",
    None,
    "With --dataset=disfa: the intensity from which an AU is active; 2 by default.",
    lower_bound=1,
    upper_bound=5,
)
AUS = flags.DEFINE_list(
    "aus", None, "With --dataset=lists: the AUs of the label columns, in order."
)
SPLIT = flags.DEFINE_string("split", None, "A published split, such as bp4d-fold1.")
SUBJECTS = flags.DEFINE_string(
    "subjects",
    None,
    "A table of who is seen in which picture (columns path, subject), for sets that do"
    " not say so.",
)
LICENCE = flags.DEFINE_string(
    "licence",
    None,
    "The licence of the pictures, if it is not that of --dataset: model cards state it,"
    " and reports show the faces. An empty one withdraws it.",
)
LISTS = flags.DEFINE_string(
    "lists",
    None,
    "With --dataset=emotionet: a folder of ADLD's lists, which state the splits.",
)
BEAM = flags.DEFINE_string(
    "beam",
    None,
    "Find the faces with Apache Beam and these pipeline options, which may be empty.",
)
FACES = flags.DEFINE_enum(
    "faces",
    None,
    ["show", "blur", "none"],
    "How reports show faces; by default, those of licensed sets are left out.",
)


def main(argv: Sequence[str]) -> int:
    """Prepare or check, as the flags say."""
    del argv
    logging.set_verbosity(logging.WARNING)  # TFDS logs every file that it opens
    try:
        with signals.interrupt_noted() as pause:
            return _prepare(pause) if CHECK.value is None else _check(pause)
    except KeyboardInterrupt:
        print("interrupted; run the same command again to resume", file=sys.stderr)
        return 130


def _check(pause: Callable[[], None]) -> int:
    from au_jax.preparation.checks.run import check

    folder = Path(_required(CHECK, "a folder of prepared sets"))
    raw = Path(RAW.value) if RAW.value else None
    return check(folder, raw, FACES.value, pause)


def _prepare(pause: Callable[[], None]) -> int:
    dataset = _required(DATASET, "a raw set, such as bp4d or folder")
    raw = Path(_required(RAW, "the folder of the raw set"))
    data_dir = Path(_required(DATA_DIR, "a folder for prepared sets"))
    # Imported here, because workers import this module too and need no TFDS.
    from au_jax.preparation.run import PrepareOptions, prepare
    from au_jax.raw import subject_file
    from au_jax.raw.landmark_file import landmarks_by

    known = landmarks_by(LANDMARKS_BY.value, BASE.value)
    assert known is not None  # the flag has a default
    options = PrepareOptions(
        dataset=dataset,
        raw=raw,
        data_dir=data_dir,
        name=NAME.value,
        workers=WORKERS.value or num_cores(),
        seed=SEED.value or 0,
        split=SPLIT.value,
        subjects=subject_file.read(Path(SUBJECTS.value)) if SUBJECTS.value else None,
        landmarks_by=known,
        beam=BEAM.value,
        faces=FACES.value,
        licence=LICENCE.value,
        reader=_reader_options(dataset),
    )
    return prepare(options, pause=pause)


def _reader_options(dataset: str) -> dict[str, Any]:
    """Return the options that only one reader takes."""
    options: dict[str, Any] = {}
    readers = ((THRESHOLD, "disfa"), (AUS, "lists"), (LISTS, "emotionet"))
    for flag, reader in readers:
        if flag.value is not None and dataset != reader:
            raise UserError(f"--{flag.name} is for --dataset={reader}, not {dataset}")
    if LISTS.value is not None:
        options["lists"] = Path(LISTS.value)
    if THRESHOLD.value is not None:
        options["threshold"] = THRESHOLD.value
    if AUS.value is not None:
        aus = tuple(int(au) if au.isdecimal() else 0 for au in AUS.value)
        in_range = all(0 < au <= LARGEST_AU for au in aus)
        if not in_range or len(set(aus)) < len(aus):  # 1 and 01 are one AU
            raise UserError(
                f"--aus={','.join(AUS.value)}: give distinct numbers from 1 to"
                f" {LARGEST_AU}"
            )
        options["aus"] = aus
    return options


def _required(flag: flags.FlagHolder[str | None], what: str) -> str:
    if not flag.value:
        raise UserError(f"--{flag.name}=... is missing: give {what}")
    return flag.value


if __name__ == "__main__":
    parse = functools.partial(command_line.parse, may_be_empty=("beam", "licence"))
    try:
        run_program(lambda: app.run(main, argv=sys.argv, flags_parser=parse))
    except KeyboardInterrupt:  # while modules are imported
        print("interrupted before anything was done", file=sys.stderr)
        sys.exit(130)
