"""Give photographs of neutral faces known action units, for training.

    python -m au_jax.reenact --raw=PHOTOS --data_dir=prepared

fits a head to each face, moves it, and writes the TFDS data set `reenacted`, with 15
AUs, in the form that `prepare` gives to real ones. Beside the records lie
`intensities.csv` (how strong each AU is, 0..1) and `neutral.csv` (how far each
photograph is from neutral people). Each photograph counts as a person of its own. Run
the same command again to resume after an interruption. The same seed gives the same
pictures.
"""

import functools
import sys
from pathlib import Path

from absl import app, flags

from au_jax.errors import UserError, run_program
from au_jax.runtime import command_line, signals
from au_jax.runtime.workers import num_cores

RAW = flags.DEFINE_string("raw", None, "A folder of photographs of neutral faces.")
DATA_DIR = flags.DEFINE_string("data_dir", None, "The folder for prepared sets.")
PICTURES = flags.DEFINE_integer(
    "pictures", 8, "Pictures made of each photograph.", lower_bound=1, upper_bound=1000
)
MOST = flags.DEFINE_float(
    "most",
    4.0,
    "Leave out faces that are more standard deviations than this from neutral people.",
    lower_bound=0,
)
flags.register_validator("most", lambda x: x == x, "not a number")
SEED = flags.DEFINE_integer("seed", 0, "The seed of what is drawn.", lower_bound=0)
LANDMARKS_BY = flags.DEFINE_enum(
    "landmarks_by", "au_jax", ["au_jax", "dlib68"], "How landmarks are found."
)
WORKERS = flags.DEFINE_integer(
    "workers", 0, "Processes; 0 means one per core.", lower_bound=0
)


def main(argv: list[str]) -> int:
    """Make the set."""
    del argv
    raw, data_dir = Path(RAW.value or ""), Path(DATA_DIR.value or "")
    try:
        with signals.interrupt_noted() as pause:
            # Imported here, because workers import this module too and need no TFDS.
            from au_jax.faces import detect
            from au_jax.rendering import reenacted

            if not raw.is_dir():
                raise UserError(f"--raw={raw} is not a folder; give one of photographs")
            by = LANDMARKS_BY.value or ""
            assert detect.is_method(by)
            options = reenacted.ReenactOptions(
                raw=raw,
                data_dir=data_dir,
                pictures=PICTURES.value or 1,
                most=MOST.value or 0.0,
                seed=SEED.value or 0,
                landmarks_by=by,
                workers=WORKERS.value or num_cores(),
            )
            reenacted.make(options, pause)
    except OSError as error:
        problem = f"{error.filename or data_dir}: {error.strerror or error}"
        raise UserError(f"{problem}; run the same command again to resume") from None
    except KeyboardInterrupt:
        print("interrupted; run the same command again to resume", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    parse = functools.partial(command_line.parse, required=("raw", "data_dir"))
    run_program(lambda: app.run(main, flags_parser=parse))
