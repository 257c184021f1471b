"""Renders the embedded data sets, which need no licence and no download.

    python -m au_jax.render --data_dir=prepared

writes the TFDS data sets faces_lab (even light, labelled, the source) and faces_wild
(the target) in the form that `prepare` gives to real ones. An interrupted run goes on
by the same command, and the same seed gives the same bytes.
"""

import functools
import os
import sys
from pathlib import Path

from absl import app, flags

from au_jax.errors import UserError, run_program
from au_jax.runtime import command_line, signals

DATA_DIR = flags.DEFINE_string("data_dir", None, "the folder for prepared sets")
SETS = flags.DEFINE_list("sets", ["faces_lab", "faces_wild"], "which sets to render")
SEED = flags.DEFINE_integer("seed", 0, "of all that is drawn")
SIZE = flags.DEFINE_float("size", 1.0, "how many times the usual number of people")
WORKERS = flags.DEFINE_integer("workers", 0, "processes; 0 is one for each core")


def main(argv: list[str]) -> int:
    """Renders the sets of the flags, one after the other."""
    del argv
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    try:
        with signals.noted() as pause:
            # Late: worker processes import this module too, and need none of TFDS.
            from au_jax.rendering import sets

            for name in SETS.value:
                if name not in sets.PLANS:
                    known = " and ".join(sets.PLANS)
                    raise UserError(f"--sets={name} is not known; there are {known}")
            if not 0 < SIZE.value <= 1000 or SEED.value < 0 or WORKERS.value < 0:
                raise UserError(
                    "--size must be above 0, --seed and --workers not below"
                )
            data_dir = Path(DATA_DIR.value or "")
            for name in SETS.value:
                workers = WORKERS.value or cores or 1
                sets.run(name, data_dir, SEED.value, SIZE.value, workers, pause)
    except OSError as error:
        problem = f"{error.filename or DATA_DIR.value}: {error.strerror or error}"
        raise UserError(f"{problem}; the same command goes on from here") from None
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where it stopped", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    parse = functools.partial(command_line.parse, required=("data_dir",))
    run_program(lambda: app.run(main, flags_parser=parse))
