"""Trains: python -m au_jax.main --config=configs/joint.py --workdir=runs/joint."""

import sys
from pathlib import Path

from absl import app, flags
from ml_collections import config_flags

from au_jax import console, train
from au_jax.errors import run_program

CONFIG = config_flags.DEFINE_config_file(
    "config", None, "The experiment, a file of configs/.", lock_config=True
)
WORKDIR = flags.DEFINE_string(
    "workdir", None, "Where checkpoints, metrics and the resolved config go."
)


def main(argv: list[str]) -> None:
    """Runs the stages of the config."""
    if len(argv) > 1:
        raise app.UsageError(f"flags begin with two dashes: --{argv[1]}")
    console.set_up_logging()
    run_program(lambda: train.run(CONFIG.value, Path(WORKDIR.value)))


if __name__ == "__main__":
    flags.mark_flags_as_required(["config", "workdir"])
    app.run(main, argv=sys.argv)
