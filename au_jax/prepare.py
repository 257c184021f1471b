"""Makes a training set of a raw one: finds, aligns and stores every face.

    python -m au_jax.prepare --dataset=bp4d --raw=DIR --data_dir=OUT

writes the TFDS data set OUT/bp4d/1.0.0 (au_jax/preparation/records.py) with
`rejected.csv`, which names every file that cannot be used and why, and `counts.json`.
A run that was interrupted goes on where it stopped, by the same command.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from absl import app, flags

from au_jax import interrupts
from au_jax.errors import UserError, run_program

DATASET = flags.DEFINE_string("dataset", None, "The raw set: bp4d or emotionet.")
RAW = flags.DEFINE_string("raw", None, "Folder of the raw set, as it was released.")
DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder for prepared sets.")
WORKERS = flags.DEFINE_integer("workers", 0, "Processes; 0 is one for each core.")
SEED = flags.DEFINE_integer("seed", 0, "Of splits and draws that are not published.")


def main(argv: Sequence[str]) -> int:
    """Checks the flags and prepares."""
    if len(argv) > 1:
        raise UserError(f"{argv[1]!r} is no flag; flags are written --name=value")
    dataset = _given(DATASET, "a raw set, bp4d or emotionet")
    raw = Path(_given(RAW, "the folder of the raw set"))
    data_dir = Path(_given(DATA_DIR, "a folder for prepared sets"))
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    workers = WORKERS.value or cores or 1
    try:
        with interrupts.noted() as pause:
            # Late: worker processes import this module too, and need none of TFDS.
            from au_jax.preparation import course

            course.run(dataset, raw, data_dir, workers, SEED.value, pause=pause)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where it stopped", file=sys.stderr)
        return 130
    return 0


def _given(flag: flags.FlagHolder[str | None], what: str) -> str:
    if not flag.value:
        raise UserError(f"--{flag.name}=... is missing: give {what}")
    return flag.value


def _parse(argv: Sequence[str]) -> list[str]:
    try:
        return flags.FLAGS(argv)
    except flags.Error as error:
        raise UserError(str(error).replace("\n", " ")) from None


if __name__ == "__main__":
    try:
        run_program(lambda: app.run(main, argv=sys.argv, flags_parser=_parse))
    except KeyboardInterrupt:  # while modules were loaded
        print("interrupted before anything was done", file=sys.stderr)
        sys.exit(130)
