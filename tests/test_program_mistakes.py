"""A user's mistake ends every program with exit code 2 and one line."""

import pathlib
import subprocess
import sys

import pytest

from au_jax.runtime.files import locked
from au_jax.workdir.config import EVALUATION_LOCK, write_config
from configs import joint

ROOT = pathlib.Path(__file__).parents[1]
CONFIG = "--config=configs/joint.py:tiny"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((CONFIG, "--config.optm.task.b1=1"), "did you mean --config.optim.task.b1?"),
        ((CONFIG, "--config.data.crop=136"), "a multiple of 16, at least 128"),
        ((CONFIG, "seed=5"), "'seed=5' is not a flag"),
        ((), "--config=... is missing"),
    ],
)
def test_program_ends_with_2_and_no_traceback(tmp_path, arguments, message):
    program = [sys.executable, "-m", "au_jax.main", f"--workdir={tmp_path / 'run'}"]
    result = subprocess.run(
        [*program, *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 2, result.stderr
    assert result.stderr.startswith("error: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_two_evaluations_of_a_run_do_not_write_at_once(tmp_path):
    write_config(tmp_path, joint.get_config("tiny"))
    command = [sys.executable, "-m", "au_jax.eval", f"--workdir={tmp_path}"]
    with locked(tmp_path, "testing", EVALUATION_LOCK):
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stderr == f"error: another program is evaluating {tmp_path}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--calibrate=val", "--on=a"), "--calibrate chooses thresholds on the target"),
        (("--intensity=val", "--by=skin"), "--by and --intensity do different things"),
        (("--degraded", "--by=skin"), "--by and --degraded do different things"),
        (("--by=",), "--by is empty; give a value, or leave it out"),
        (("--calibrate=",), "--calibrate is empty; give a value, or leave it out"),
        (("--on=a/b",), "--on=a/b: it becomes part of the names of files"),
        (("--groups=a.csv",), "--groups goes with --by: give both"),
        (("--false_alarms=.1",), "--false_alarms goes with --calibrate: give both"),
        (
            ("--calibrate=val", "--false_alarms=nan"),
            "flag --false_alarms=nan: not a number",
        ),
    ],
)
def test_flags_of_eval_that_do_not_go_together(tmp_path, arguments, message):
    program = [sys.executable, "-m", "au_jax.eval", f"--workdir={tmp_path}"]
    result = subprocess.run(
        [*program, *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 2, result.stderr
    assert result.stderr.startswith(f"error: {message}")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--notrain", "--predictions=nonsense"), "write NAME:FILE.csv"),
        (("--notrain", "--predictions=A:{table}"), "without --list, --level and --no"),
        (("--level=0", "--predictions=A:{table}"), "without --list, --level and --no"),
    ],
)
def test_tables_of_other_tools_are_not_ignored(tmp_path, arguments, message):
    table = tmp_path / "a.csv"
    table.write_text("file,AU01\na.jpg,1\n")
    program = [sys.executable, "-m", "au_jax.compare", f"--workdir={tmp_path}"]
    arguments = [argument.format(table=table) for argument in arguments]
    result = subprocess.run(
        [*program, "--config=compare:demo", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2, result.stderr
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
