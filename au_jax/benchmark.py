"""Measure the speed of training, prediction and reading on this machine.

    python -m au_jax.benchmark --config=configs/joint.py --what=train,predict

It prints a table; --out=FILE also stores the figures as JSON. The measurements:

    train     a training step on random images
    predict   inference on random images
    data      reading the data that the config names
    gpu       a count of the kernels of a training step, compiled for the GPU that --gpu
              names; needs XLA's CUDA compiler (requirements/cuda13.txt) but no GPU
    profile   the time of a training step on one CPU core, by kind of operation
"""

import functools
from collections.abc import Sequence
from pathlib import Path

from absl import app, flags
from ml_collections import config_flags

from au_jax.benchmarking import environment
from au_jax.errors import run_program
from au_jax.runtime import command_line

CONFIG = config_flags.DEFINE_config_file(
    "config", None, "the experiment: the name of a config, or a file", lock_config=True
)
WHAT = flags.DEFINE_list(
    "what",
    ["train", "predict"],
    f"measurements, one or more of {', '.join(environment.MEASUREMENTS)}",
)
STAGE = flags.DEFINE_string(
    "stage", None, "the stage to measure; by default joint, or else the config's last"
)
GPU = flags.DEFINE_enum(
    "gpu", "h100", ["rtx2080ti", "a100", "h100"], "the GPU of --what=gpu"
)
REPEATS = flags.DEFINE_integer("repeats", 10, "timed runs per measurement", 1)
OUT = flags.DEFINE_string("out", None, "a JSON file to store the figures in")


def main(argv: Sequence[str]) -> int:
    """Run the measurements that the flags name."""
    del argv
    assert WHAT.value is not None
    assert GPU.value is not None
    assert REPEATS.value is not None
    environment.check(WHAT.value)
    environment.prepare(WHAT.value)
    # Imported late: JAX reads the environment when it is loaded.
    from au_jax.benchmarking.run import run

    run(
        CONFIG.value,
        WHAT.value,
        stage=STAGE.value or "",
        gpu=GPU.value,
        repeats=REPEATS.value,
        out=Path(OUT.value) if OUT.value else None,
    )
    return 0


if __name__ == "__main__":
    parse = functools.partial(command_line.parse, required=("config",))
    run_program(lambda: app.run(main, flags_parser=parse))
