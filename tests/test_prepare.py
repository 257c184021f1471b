"""The program: its flags, its exit codes, and what it makes of the photographs."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from absl.flags import FLAGS
from absl.testing import flagsaver

from au_jax import preparation, prepare
from tests.shared_data import SHARED, needs_shared_data


@pytest.fixture
def given_flags(tmp_path):
    with flagsaver.flagsaver():
        flags = [f"--raw={tmp_path}", f"--data_dir={tmp_path / 'out'}", "--seed=7"]
        FLAGS(["prepare", "--dataset=bp4d", *flags])
        yield


def test_no_number_of_processes_is_one_for_each_core(given_flags, monkeypatch):
    calls = []
    monkeypatch.setattr(
        preparation, "run", lambda *settings, pause: calls.append(settings)
    )
    for workers in (0, 3):
        FLAGS.workers = workers
        assert prepare.main(["prepare"]) == 0
    assert [settings[3] for settings in calls] == [len(os.sched_getaffinity(0)), 3]
    assert all(settings[4] == 7 for settings in calls)


def test_ctrl_c_says_how_to_go_on(given_flags, monkeypatch, capsys):
    def interrupted(*_, pause):
        raise KeyboardInterrupt

    monkeypatch.setattr(preparation, "run", interrupted)
    assert prepare.main(["prepare"]) == 130
    assert capsys.readouterr().err == (
        "interrupted; the same command goes on where it stopped\n"
    )


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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--raw=.", "--data_dir=x"], "--dataset=... is missing"),
        (["--dataset=bp4", "--raw=.", "--data_dir=x"], "did you mean bp4d"),
        (["--datset=bp4d"], "Did you mean: dataset"),
        (["dataset=bp4d"], "'dataset=bp4d' is no flag"),
        (["--workers=two"], "two"),
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
    """Five people of the shared set: 240 label rows, and one picture without."""
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
def test_a_killed_program_goes_on(photographs, tmp_path, how):
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
    _, errors = run.communicate(timeout=60)  # waits for the workers' stderr as well
    assert "Traceback" not in errors, errors
    assert ("goes on where it stopped" in errors) == (how == signal.SIGINT)
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
