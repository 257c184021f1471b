"""Train and test all methods on one budget, and write the tables of the paper.

    python -m au_jax.compare --config=configs/compare.py:demo --workdir=runs/compare
    python -m au_jax.compare --tables=runs/compare/compare.json --workdir=tables

The first trains one run after the other, each in a folder of its own, and writes
compare.md, .csv, .html and .json after each. Run the same command again to resume after
any interruption. The second makes the tables from a compare.json.

A scheduler that runs tasks side by side gives each a --task; `launch/compare.slurm`
shows how. The command without --level then writes the tables.

Exit code: 0; 2 for a mistake of the user, or if a run failed; 130 and 143 when stopped
by a signal.
"""

import functools
import sys
from pathlib import Path

from absl import app, flags
from ml_collections import config_flags

from au_jax.errors import UserError, run_program
from au_jax.runtime import command_line, signals

CONFIG = config_flags.DEFINE_config_file(
    "config", None, "the comparison: compare:demo, or a config file", lock_config=True
)
WORKDIR = flags.DEFINE_string("workdir", None, "the folder for runs and tables")
LEVEL = flags.DEFINE_integer(
    "level",
    None,
    "train the runs of this level alone, without tables: 0 for those that start from"
    " nothing, 1 for those that start from these, and so on",
)
TASK = flags.DEFINE_integer("task", None, "train one run of the level, from 0")
TRAIN = flags.DEFINE_bool(
    "train", True, "--notrain writes the tables of the runs that are done, and ends"
)
LIST = flags.DEFINE_bool("list", False, "print the runs by level and task, and end")
PREDICTIONS = flags.DEFINE_multi_string(
    "predictions",
    [],
    "score the table of another tool, too: NAME:FILE.csv; may be given several times",
)
TABLES = flags.DEFINE_string("tables", None, "write the tables of this compare.json")


def main(argv: list[str]) -> int:
    """Compare; return the exit code."""
    del argv
    assert WORKDIR.value is not None
    workdir = Path(WORKDIR.value)
    if TABLES.value:
        from au_jax.comparison import tables

        tables.write_again(Path(TABLES.value), workdir)
        return 0
    if CONFIG.value is None:
        raise UserError("--config=... is missing: compare:demo, or a config file")
    with signals.requests_noted() as requests:
        # Imported late: it takes seconds, in which Ctrl-C is noted already.
        from au_jax.comparison import external, plan
        from au_jax.comparison.run import compare, rewrite_tables
        from au_jax.runtime import compilation_cache, console

        others = external.parse_flags(PREDICTIONS.value)
        if others and (LIST.value or LEVEL.value is not None or not TRAIN.value):
            raise UserError(
                "--predictions is scored after the last level: give it without --list,"
                " --level and --notrain"
            )
        if LIST.value:
            print(plan.listing(plan.runs(CONFIG.value, workdir)))
            return 0
        console.set_up_logging()
        if not TRAIN.value:
            rewrite_tables(CONFIG.value, workdir)
            return 0
        compilation_cache.use()
        try:
            compare(CONFIG.value, workdir, requests, LEVEL.value, TASK.value, others)
        except signals.Stopped as stopped:
            print(
                f"stopped by {stopped}; run the same command again to resume",
                file=sys.stderr,
            )
            return 128 + stopped.number
    if LEVEL.value is None:
        print(f"tables: {workdir / 'compare.md'}, .html, .csv, .json")
    return 0


if __name__ == "__main__":
    parse = functools.partial(command_line.parse, required=("workdir",))
    run_program(lambda: app.run(main, flags_parser=parse))
