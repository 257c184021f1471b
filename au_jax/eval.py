"""Evaluate a run, or choose its decision thresholds.

    python -m au_jax.eval --workdir=runs/joint [--split=test]
    python -m au_jax.eval --workdir=runs/joint --on=faces_wild
    python -m au_jax.eval --workdir=runs/joint --calibrate=val
    python -m au_jax.eval --workdir=runs/joint --by=skin
    python -m au_jax.eval --workdir=runs/joint --intensity=val --on=reenacted
    python -m au_jax.eval --workdir=runs/joint --degraded

The first writes eval.json, eval.md and faces.png into the run and prints the tables,
and, with Matplotlib installed, report.html: curves, scores and pictures of the run.
The second tests the model of the target on another prepared set, and writes
eval-faces_wild.json, .md and faces-faces_wild.png. The third writes thresholds.json,
which later evaluations and `export` use. The fourth scores the target by group of
people, and writes eval-by-skin.json and .md. The fifth fits intensities from 0 to 5 to
its answers, and writes intensities.json, which `export` uses, and eval-intensity.json.
The sixth shows what poor cameras and files cost, and writes eval-degraded.json and .md.
With --on=NAME, the fourth and the sixth score that set, and -NAME ends the names of
their files.

Exit code: 0; 2 for a mistake of the user; 130 after Ctrl-C.
"""

import functools
from pathlib import Path

from absl import app, flags

from au_jax.errors import UserError, run_program
from au_jax.runtime import command_line

WORKDIR = flags.DEFINE_string("workdir", None, "the work directory of a training run")
SPLIT = flags.DEFINE_string("split", "test", "the split of both domains to evaluate")
DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "the prepared data; the default is the folder that training used"
)
ON = flags.DEFINE_string(
    "on", None, "test the model of the target on this prepared data set instead"
)
CALIBRATE = flags.DEFINE_string(
    "calibrate", None, "choose thresholds on this split of the target, such as val"
)
FALSE_ALARMS = flags.DEFINE_float(
    "false_alarms",
    None,
    "with --calibrate: the largest share of inactive faces that may be decided active",
    lower_bound=0,
    upper_bound=1,
)
flags.register_validator("false_alarms", lambda x: x is None or x == x, "not a number")
FACES = flags.DEFINE_enum(
    "faces",
    None,
    ["show", "blur", "none"],
    "how faces.png and report.html show faces; by default, those of licensed sets are"
    " left out",
)
BY = flags.DEFINE_string(
    "by", None, "score the target by this column of a table of groups, such as skin"
)
GROUPS = flags.DEFINE_string(
    "groups",
    None,
    "the table for --by, a CSV file; the default is groups.csv of the data set",
)
INTENSITY = flags.DEFINE_string(
    "intensity",
    None,
    "fit intensities on this split of the target, or of --on, such as val",
)
INTENSITIES = flags.DEFINE_string(
    "intensities",
    None,
    "the table for --intensity, a CSV file; the default is intensities.csv of the data"
    " set",
)
DEGRADED = flags.DEFINE_bool(
    "degraded",
    False,
    "score the target's images as they are, and dark, small, noisy and compressed",
)
BASELINES = flags.DEFINE_bool(
    "baselines",
    True,
    "also train and score classical detectors on the source's labels: landmarks alone,"
    " these and HOG of the face, these and HOG of patches",
)


def main(argv: list[str]) -> None:
    """Evaluate in the way that the flags ask for."""
    del argv
    _check_flags()
    # Imported late: it takes seconds, for which --help and mistakes need not wait.
    from au_jax.runtime import compilation_cache, console
    from au_jax.runtime.files import locked
    from au_jax.workdir.config import EVALUATION_LOCK, read_config

    assert WORKDIR.value is not None
    console.set_up_logging()
    compilation_cache.use()
    workdir = Path(WORKDIR.value)
    read_config(workdir)  # there is a run: the lock would create its folder
    with locked(workdir, f"evaluating {workdir}", EVALUATION_LOCK):
        _evaluate(workdir)


def _evaluate(workdir: Path) -> None:
    from au_jax.evaluation import degraded, groups, intensity
    from au_jax.evaluation.calibration import calibrate
    from au_jax.evaluation.run import evaluate
    from au_jax.run_report.run import write_report

    if INTENSITY.value:
        table = Path(INTENSITIES.value) if INTENSITIES.value else None
        given = DATA_DIR.value, ON.value, table
        intensity.evaluate(workdir, INTENSITY.value, SPLIT.value, *given)
    elif BY.value:
        table = Path(GROUPS.value) if GROUPS.value else None
        given = DATA_DIR.value, ON.value, table
        groups.evaluate(workdir, SPLIT.value, BY.value, *given)
    elif DEGRADED.value:
        degraded.evaluate(workdir, SPLIT.value, DATA_DIR.value, ON.value)
    elif CALIBRATE.value:
        limit = 1.0 if FALSE_ALARMS.value is None else FALSE_ALARMS.value
        calibrate(workdir, CALIBRATE.value, SPLIT.value, DATA_DIR.value, limit)
    else:
        with_baselines = bool(BASELINES.value)
        given = DATA_DIR.value, FACES.value
        report = evaluate(workdir, SPLIT.value, *given, with_baselines, ON.value)
        if not ON.value:
            write_report(workdir, report, SPLIT.value, *given)


def _check_flags() -> None:
    """Raise a `UserError` for flags that do not go together."""
    for flag in (ON, BY):
        if "/" in (flag.value or ""):
            raise UserError(
                f"--{flag.name}={flag.value}: it becomes part of the names of files,"
                " so it cannot have a /"
            )
    if CALIBRATE.value and ON.value:
        raise UserError("--calibrate chooses thresholds on the target: leave out --on")
    kinds = (CALIBRATE, BY, INTENSITY, DEGRADED)
    asked = [f"--{flag.name}" for flag in kinds if flag.value]
    if len(asked) > 1:
        raise UserError(f"{' and '.join(asked)} do different things: give one of them")
    for flag, other in (
        (GROUPS, BY),
        (INTENSITIES, INTENSITY),
        (FALSE_ALARMS, CALIBRATE),
    ):
        if flag.value is not None and not other.value:
            raise UserError(f"--{flag.name} goes with --{other.name}: give both")


if __name__ == "__main__":
    parse = functools.partial(command_line.parse, required=("workdir",))
    run_program(lambda: app.run(main, flags_parser=parse))
