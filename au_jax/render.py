"""Render the embedded data sets, which need no licence and no download.

    python -m au_jax.render --data_dir=prepared

writes the TFDS data sets faces_lab (even light, labelled, the source) and faces_wild
(the target) in the form that `prepare` gives to real ones. Run the same command again
to resume after an interruption. The same seed gives the same bytes.
"""

import functools
import sys
from pathlib import Path

from absl import app, flags

from au_jax.errors import UserError, run_program
from au_jax.runtime import command_line, signals
from au_jax.runtime.workers import num_cores

DATA_DIR = flags.DEFINE_string("data_dir", None, "The folder for prepared sets.")
SETS = flags.DEFINE_list("sets", ["faces_lab", "faces_wild"], "The sets to render.")
SEED = flags.DEFINE_integer("seed", 0, "The seed of everything that is drawn.")
SIZE = flags.DEFINE_float("size", 1.0, "A factor for the number of people.")
WORKERS = flags.DEFINE_integer("workers", 0, "Processes; 0 means one per core.")


def main(argv: list[str]) -> int:
    """Render the sets that the flags name, one after the other."""
    del argv
    data_dir = Path(DATA_DIR.value or "")
    workers = WORKERS.value or num_cores()
    try:
        with signals.interrupt_noted() as pause:
            # Imported here, because workers import this module too and need no TFDS.
            from au_jax.rendering import sets

            known = " and ".join(sets.PLANS)
            if not SETS.value:
                raise UserError(f"--sets= is empty; there are {known}")
            for name in SETS.value:
                if name not in sets.PLANS:
                    raise UserError(f"--sets={name} is not known; there are {known}")
            if not 0 < SIZE.value <= 1000 or SEED.value < 0 or workers < 0:
                raise UserError(
                    "--size must be above 0 and at most 1000; --seed and --workers must"
                    " be at least 0"
                )
            for name in SETS.value:
                sets.render(name, data_dir, SEED.value, SIZE.value, workers, pause)
    except OSError as error:
        problem = f"{error.filename or data_dir}: {error.strerror or error}"
        raise UserError(f"{problem}; run the same command again to resume") from None
    except KeyboardInterrupt:
        print("interrupted; run the same command again to resume", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    parse = functools.partial(command_line.parse, required=("data_dir",))
    run_program(lambda: app.run(main, flags_parser=parse))
