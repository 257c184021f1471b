"""Evaluates a run: python -m au_jax.eval --workdir=runs/joint [--split=test]."""

import functools
from pathlib import Path

from absl import app, flags

from au_jax.errors import run_program
from au_jax.runtime import command_line

WORKDIR = flags.DEFINE_string("workdir", None, "the workdir of a training run")
SPLIT = flags.DEFINE_string("split", "test", "the split to evaluate, of both domains")
DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "where the prepared data are; by default where training had them"
)
CALIBRATE = flags.DEFINE_string(
    "calibrate", None, "only chooses thresholds, on this split of the target: val"
)
FACES = flags.DEFINE_enum(
    "faces",
    None,
    ["show", "blur", "none"],
    "how faces.png shows faces; unless given, those of licensed sets are left out",
)


def main(argv: list[str]) -> None:
    """Evaluates the run of the flags."""
    del argv
    # Late: loading them takes seconds, for which --help and mistakes need not wait.
    from au_jax.evaluation import calibration
    from au_jax.evaluation.run import evaluate
    from au_jax.runtime import compilation_cache, console

    assert WORKDIR.value is not None
    console.set_up_logging()
    compilation_cache.use()
    workdir = Path(WORKDIR.value)
    if CALIBRATE.value:
        calibration.run(workdir, CALIBRATE.value, SPLIT.value, DATA_DIR.value)
        return
    evaluate(workdir, SPLIT.value, DATA_DIR.value, FACES.value)


if __name__ == "__main__":
    parse = functools.partial(command_line.parse, required=("workdir",))
    run_program(lambda: app.run(main, flags_parser=parse))
