"""The program `prepare`: flags, exit codes, and a run on the photographs."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.shared_data import SHARED, needs_shared_data


def run_patched(tmp_path, patch, *arguments):
    """Run the program with another `preparation.run.prepare`.

    It runs in its own process, because other programs define the same flags.
    """
    code = f"""
import runpy
from au_jax.preparation import run
{patch}
run.prepare = prepare
runpy.run_module("au_jax.prepare", run_name="__main__")
"""
    flags = ["--dataset=bp4d", f"--raw={tmp_path}", f"--data_dir={tmp_path / 'out'}"]
    return subprocess.run(
        [sys.executable, "-c", code, *flags, *arguments], capture_output=True, text=True
    )


@pytest.mark.parametrize("workers", [0, 3])
def test_the_default_is_one_process_per_core(tmp_path, workers):
    patch = "def prepare(options, **_): print(options.workers, options.seed)"
    result = run_patched(tmp_path, patch, f"--workers={workers}", "--seed=7")
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{workers or len(os.sched_getaffinity(0))} 7\n"


def test_the_home_folder_may_be_written_as_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    patch = "def prepare(options, **_): print(options.raw, options.data_dir)"
    result = run_patched(tmp_path, patch, "--raw=~/raw", "--data_dir=~/prepared")
    assert result.stdout == f"{tmp_path}/raw {tmp_path}/prepared\n"


def test_ctrl_c_says_how_to_resume(tmp_path):
    result = run_patched(tmp_path, "def prepare(*_, **__): raise KeyboardInterrupt")
    assert result.returncode == 130
    assert result.stderr == "interrupted; run the same command again to resume\n"


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def program(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "au_jax.prepare", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


LISTS = ("--dataset=lists", "--raw=.", "--data_dir=x")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--raw=.", "--data_dir=x"], "--dataset=... is missing"),
        (["--dataset=bp4", "--raw=.", "--data_dir=x"], "did you mean bp4d"),
        (["--datset=bp4d"], "Did you mean: dataset"),
        (["dataset=bp4d"], "'dataset=bp4d' is not a flag"),
        (["--workers=two"], "two"),
        (["--check="], "--check is empty; give a value"),
        (["--seed=-1"], "--seed=-1"),
        ([*LISTS, "--aus=1,2,01"], "--aus=1,2,01: give distinct numbers from 1 to 99"),
        ([*LISTS, "--aus=1,²"], "--aus=1,²: give distinct numbers"),
        ([*LISTS, "--aus=0,1"], "--aus=0,1: give distinct numbers"),
    ],
)
def test_mistakes_on_the_command_line(arguments, message):
    run = program(*arguments)
    printed, errors = run.communicate()
    assert run.returncode == 2
    assert not printed
    assert errors.startswith("error: ")
    assert len(errors.splitlines()) == 1
    assert message in errors


@pytest.fixture
def photographs(tmp_path):
    """Return five people of the shared set: 240 label rows, and a picture without."""
    subjects = ["F001", "F010", "F011", "F012", "M001"]
    for subject in subjects:
        shutil.copytree(SHARED / "studio" / subject, tmp_path / "raw" / subject)
        for table in (SHARED / "studio" / "AUCoding" / "AU_OCC").glob(f"{subject}_*"):
            target = tmp_path / "raw" / "AUCoding" / "AU_OCC"
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(table, target)
    return tmp_path / "raw"


@pytest.mark.slow
@needs_shared_data
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_killed_program_resumes(photographs, tmp_path, how):
    pytest.importorskip("dlib")
    out = tmp_path / "out"
    flags = ["--dataset=bp4d", f"--raw={photographs}", "--workers=2"]
    run = program(*flags, f"--data_dir={out}", start_new_session=True)
    done = out / "bp4d" / ".1.0.0.partial" / "faces"
    while len(list(done.glob("*.npz"))) < 2:
        assert run.poll() is None
        time.sleep(0.02)
    # Ctrl-C reaches the whole group, kill -9 the program alone.
    (os.killpg if how == signal.SIGINT else os.kill)(run.pid, how)
    _, errors = run.communicate(timeout=60)  # this also waits for the workers' stderr
    assert "Traceback" not in errors, errors
    assert ("run the same command again to resume" in errors) == (how == signal.SIGINT)
    assert run.returncode == (130 if how == signal.SIGINT else -9)
    assert len(list(done.glob("*.npz"))) >= 2
    assert not (out / "bp4d" / "1.0.0").exists()

    run = program(*flags, f"--data_dir={out}")
    printed, errors = run.communicate(timeout=120)
    assert run.returncode == 0, errors
    assert "read 241, kept 238" in printed
    fresh = program(*flags[:2], "--workers=1", f"--data_dir={tmp_path / 'new'}")
    fresh.communicate(timeout=120)
    assert contents(out / "bp4d" / "1.0.0") == contents(
        tmp_path / "new" / "bp4d" / "1.0.0"
    )
    with (out / "bp4d" / "1.0.0" / "rejected.csv").open(newline="") as stream:
        rejected = {row["path"]: row["reason"] for row in csv.DictReader(stream)}
    assert rejected == {
        "F010/T3/1546.jpg": "truncated",
        "F011/T2/1009.jpg": "no_image",
        "F012/T1/0001.jpg": "no_label",
    }
