"""Trains: python -m au_jax.main --config=configs/joint.py --workdir=runs/joint."""

import functools
import signal
import sys
from pathlib import Path

from absl import app, flags
from ml_collections import config_flags

from au_jax.errors import run_program
from au_jax.runtime import command_line, signals

CONFIG = config_flags.DEFINE_config_file(
    "config", None, "the experiment, a file of configs/", lock_config=True
)
WORKDIR = flags.DEFINE_string(
    "workdir", None, "where checkpoints, metrics and the resolved config go"
)
COORDINATOR = flags.DEFINE_string(
    "coordinator", "", "several processes: HOST:PORT of the first; Slurm needs none"
)
PROCESS_COUNT = flags.DEFINE_integer("process_count", 1, "of all processes")
PROCESS_INDEX = flags.DEFINE_integer("process_index", 0, "of this process, from 0")


def main(argv: list[str]) -> int:
    """Runs the stages of the config; 128 plus the number of a signal that ended it."""
    del argv
    assert WORKDIR.value is not None
    with signals.requests() as requests:
        # Late: loading them takes seconds, in which Ctrl-C shall be noted already.
        from au_jax.evaluation.run import evaluate
        from au_jax.runtime import compilation_cache, console, processes
        from au_jax.training import config_checks
        from au_jax.training.run import train

        config_checks.check_values(CONFIG.value)
        processes.join(COORDINATOR.value, PROCESS_COUNT.value, PROCESS_INDEX.value)
        console.set_up_logging()
        compilation_cache.use()
        workdir = Path(WORKDIR.value)
        with processes.not_waited_for():
            try:
                train(CONFIG.value, workdir, requests)
                requests.check()
            except signals.Stopped as stopped:
                print(
                    f"stopped by {stopped}; the same command goes on", file=sys.stderr
                )
                return 128 + stopped.number
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # there is nothing more to save
        if CONFIG.value.eval.at_end and processes.alone():
            evaluate(workdir, CONFIG.value.eval.at_end, None)
    return 0


if __name__ == "__main__":
    parse = functools.partial(command_line.parse, required=("config", "workdir"))
    run_program(lambda: app.run(main, flags_parser=parse))
