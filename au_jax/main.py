"""Trains: python -m au_jax.main --config=configs/joint.py --workdir=runs/joint."""

import functools
from pathlib import Path

from absl import app, flags
from ml_collections import config_flags

from au_jax import command_line, config_checks, console, run_evaluation, train
from au_jax.errors import run_program

CONFIG = config_flags.DEFINE_config_file(
    "config", None, "the experiment, a file of configs/", lock_config=True
)
WORKDIR = flags.DEFINE_string(
    "workdir", None, "where checkpoints, metrics and the resolved config go"
)


def main(argv: list[str]) -> None:
    """Runs the stages of the config."""
    del argv
    assert WORKDIR.value is not None
    console.set_up_logging()
    config_checks.check_values(CONFIG.value)
    workdir = Path(WORKDIR.value)
    train.run(CONFIG.value, workdir)
    if CONFIG.value.eval.at_end:
        run_evaluation.run(workdir, CONFIG.value.eval.at_end, None)


if __name__ == "__main__":
    parse = functools.partial(command_line.parse, required=("config", "workdir"))
    run_program(lambda: app.run(main, flags_parser=parse))
