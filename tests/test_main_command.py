"""`au-jax COMMAND` does what `python -m au_jax.COMMAND` does."""

import os
import re
import subprocess
import sys
import time

import pytest

from au_jax import __version__
from au_jax.__main__ import PROGRAMS
from tests.programs import ROOT

MODULES = {name: "main" if name == "train" else name for name in PROGRAMS}

# What pip writes for [project.scripts]: our folder is not on `sys.path` by itself.
SCRIPT = "import sys; from au_jax.__main__ import main; sys.exit(main())"


def run(*command: str, cwd=ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_script_of_the_package_is_this_function():
    assert 'au-jax = "au_jax.__main__:main"' in (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",), ("help",)])
def test_help_lists_every_command(arguments):
    done = run("-m", "au_jax", *arguments)
    assert done.returncode == 0
    assert done.stdout.startswith("usage: au-jax COMMAND")
    assert re.findall(r"^  (\w+) ", done.stdout, re.MULTILINE) == list(PROGRAMS)


def test_every_program_of_the_package_is_a_command():
    programs = {
        path.stem
        for path in (ROOT / "au_jax").glob("*.py")
        if "run_program(" in path.read_text()
        and path.stem not in ("errors", "__main__")
    }
    assert programs == set(MODULES.values())


def test_version():
    done = run("-m", "au_jax", "--version")
    assert (done.returncode, done.stdout) == (0, f"{__version__}\n")


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("pedict", "error: au-jax has no command 'pedict'; did you mean predict?"),
        (
            "zzz",
            "error: au-jax has no command 'zzz'; give one of render, reenact, prepare,"
            " train, compare, eval, export, predict, benchmark",
        ),
    ],
)
def test_an_unknown_command_is_one_line(command, line):
    done = run("-m", "au_jax", command)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [line]


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_of_a_command_is_that_of_its_module(name, tmp_path):
    best = 60.0
    for _ in range(3):  # the best of three: other programs may be using the cores
        start = time.monotonic()
        by_command = run("-c", SCRIPT, name, "--help", cwd=tmp_path)
        best = min(best, time.monotonic() - start)
        if best < 1:
            break
    assert best < 1
    by_module = run("-m", f"au_jax.{MODULES[name]}", "--help")
    assert by_command.stdout == by_module.stdout
    assert by_command.returncode == by_module.returncode
    assert "flags:" in by_command.stdout


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_wrong_flag_is_one_line_and_2(name, tmp_path):
    done = run("-c", SCRIPT, name, "--no_such_flag=1", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert "no_such_flag" in line


# A loader process imports the program again by the name in `__main__.__spec__`.
def test_a_loader_process_can_import_the_program():
    program = (
        "import sys, multiprocessing.spawn as spawn, au_jax.errors as errors\n"
        "errors.run_program = lambda main: print("
        "spawn.get_preparation_data('worker')['init_main_from_name'])\n"
        "sys.argv[1:] = ['train']\n"
        "from au_jax.__main__ import main; main()"
    )
    assert run("-c", program).stdout == "au_jax.main\n"
