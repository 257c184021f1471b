"""Train the stages of a config.

    python -m au_jax.main --config=configs/joint.py --workdir=runs/joint

Run the same command again to resume after any interruption. The first Ctrl-C or SIGTERM
ends the run after a checkpoint; SIGUSR1 writes a checkpoint and training continues.

Exit code: 0; 2 for a mistake of the user; 130 and 143 when stopped by a signal.
"""

import functools
import signal
import sys
from pathlib import Path

from absl import app, flags
from ml_collections import config_flags

from au_jax.errors import run_program
from au_jax.runtime import command_line, signals

CONFIG = config_flags.DEFINE_config_file(
    "config",
    None,
    "the experiment: a name such as joint:demo, or a config file",
    lock_config=True,
)
WORKDIR = flags.DEFINE_string(
    "workdir", None, "the folder for checkpoints, metrics and the resolved config"
)
COORDINATOR = flags.DEFINE_string(
    "coordinator",
    "",
    "HOST:PORT of the first process, if several train together; Slurm needs none",
)
PROCESS_COUNT = flags.DEFINE_integer("process_count", 1, "number of processes")
PROCESS_INDEX = flags.DEFINE_integer("process_index", 0, "this process, from 0")


def main(argv: list[str]) -> int:
    """Train, and evaluate if the config asks for it; return the exit code."""
    del argv
    assert WORKDIR.value is not None
    with signals.requests_noted() as requests:
        # Imported late: it takes seconds, in which Ctrl-C is noted already.
        from au_jax.evaluation.run import evaluate
        from au_jax.run_report.run import write_report
        from au_jax.runtime import compilation_cache, console, processes
        from au_jax.runtime.files import locked
        from au_jax.training import config_checks
        from au_jax.training.run import train
        from au_jax.workdir.config import EVALUATION_LOCK

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
                    f"stopped by {stopped}; run the same command again to resume",
                    file=sys.stderr,
                )
                return 128 + stopped.number
        for number in signals.STOPPING:  # nothing is left to save
            signal.signal(number, signal.SIG_DFL)
        split = CONFIG.value.eval.at_end
        if split and processes.alone():
            with locked(workdir, f"evaluating {workdir}", EVALUATION_LOCK):
                write_report(workdir, evaluate(workdir, split, None), split)
        elif split and processes.first():
            command = f"python -m au_jax.eval --workdir={workdir} --split={split}"
            print(f"several processes do not evaluate; run {command}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    parse = functools.partial(command_line.parse, required=("config", "workdir"))
    run_program(lambda: app.run(main, flags_parser=parse))
