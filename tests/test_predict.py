"""The program `predict`. Expected: the exit codes and files that the docs promise."""

import csv
import os
import signal
import socket
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

from au_jax.model_file import file as model_file
from tests.prediction.models import small_model
from tests.programs import ROOT
from tests.raw_trees import write_picture


@pytest.fixture
def model(tmp_path):
    file = tmp_path / "model.aujax"
    model_file.save(file, small_model())
    return file


def start(model, out, *inputs):
    command = [sys.executable, "-m", "au_jax.predict", f"--model={model}"]
    return subprocess.Popen(
        [*command, f"--out={out}", "--faces=whole", *map(str, inputs)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def table(out):
    with (out / "aus.csv").open(newline="") as stream:
        return [(row["file"], row["status"]) for row in csv.DictReader(stream)]


def test_the_exit_code_says_whether_all_were_ok(model, tmp_path):
    good, bad = tmp_path / "faces" / "ä 1.png", tmp_path / "faces" / "bad.jpg"
    write_picture(good)
    run = start(model, tmp_path / "good", good)
    bad.write_bytes(b"no picture")
    both = start(model, tmp_path / "both", good.parent)
    _, errors = run.communicate(timeout=120)
    assert run.returncode == 0, errors
    _, errors = both.communicate(timeout=120)
    assert both.returncode == 1, errors
    assert "Traceback" not in errors
    assert table(tmp_path / "good") == [(str(good), "ok")]
    assert sorted(table(tmp_path / "both")) == sorted(
        [(str(good), "ok"), (str(bad), "decode_error")]
    )


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (["{0}/none.jpg"], "{0}/none.jpg: there is no such file"),
        ([], "no input is given"),
        (["--every=0", "{0}/model.aujax"], "--every"),
        (["--workers=-1", "{0}/model.aujax"], "--workers"),
    ],
)
def test_a_mistake_is_one_line_and_2(model, tmp_path, inputs, message):
    run = start(model, tmp_path / "out", *(text.format(tmp_path) for text in inputs))
    _, errors = run.communicate(timeout=120)
    assert run.returncode == 2
    assert message.format(tmp_path) in errors
    assert len(errors.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no input is given"),
        (["none.jpg"], "none.jpg: there is no such file"),
        (["-"], "-: give a file; standard input is not read"),
        (["--format=x", "{0}"], "--format=x: give some of csv, parquet, openface"),
        (["--baseline=x", "{0}"], "--baseline=x: give median, frames:0-50, or"),
        (["--model=x", "{0}"], "--model=x: there is no such file; leave out --model"),
        (["--landmarks_by=x", "{0}"], "--landmarks_by=x"),
    ],
)
def test_a_mistake_need_not_wait_for_jax(tmp_path, arguments, message):
    write_picture(tmp_path / "a.png")
    command = [sys.executable, "-X", "importtime", "-m", "au_jax.predict"]
    arguments = [text.format(tmp_path) for text in arguments]
    done = subprocess.run(
        [*command, f"--out={tmp_path / 'out'}", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    lines = done.stderr.splitlines()
    loaded = {line.rpartition("|")[2].strip() for line in lines}
    (said,) = [line for line in lines if not line.startswith("import time:")]
    assert said.startswith(f"error: {message}")
    assert done.returncode == 2
    assert "jax" not in loaded


PATCHED = """
import sys
from absl import flags
from au_jax import predict
from au_jax.prediction import run

def write_results(detector, sources, out, options, outputs):
    print(options.workers)
    sys.exit()

run.write_results = write_results
flags.FLAGS(sys.argv)
predict.main(["predict", sys.argv[-1]])
"""


@pytest.mark.parametrize(
    ("flag", "expected"), [(["--workers=0"], len(os.sched_getaffinity(0))), ([], 1)]
)
def test_the_number_of_workers(model, tmp_path, flag, expected):
    write_picture(tmp_path / "a.png")
    flags = [*flag, f"--model={model}", f"--out={tmp_path / 'out'}"]
    done = subprocess.run(
        [sys.executable, "-c", PATCHED, *flags, tmp_path / "a.png"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.stdout == f"{expected}\n", done.stderr


def test_a_preview_needs_a_free_port(model, tmp_path):
    write_picture(tmp_path / "face.png")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = start(model, tmp_path / "out", f"--live={port}", tmp_path / "face.png")
        _, errors = run.communicate(timeout=120)
    assert run.returncode == 2
    assert (
        errors == f"error: --live={port}: Address already in use; give another port\n"
    )
    assert not (tmp_path / "out").exists()
    run = start(model, tmp_path / "out", f"--live={port}", tmp_path / "face.png")
    output, errors = run.communicate(timeout=120)
    assert run.returncode == 0, errors
    assert output.startswith(f"preview: http://127.0.0.1:{port}/\n")


@pytest.mark.slow
def test_a_killed_run_resumes(model, tmp_path):
    video = tmp_path / "faces.avi"
    codec = cv2.VideoWriter.fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(video), codec, 25, (64, 64))
    for frame in range(800):
        writer.write(np.full((64, 64, 3), frame % 250, np.uint8))
    writer.release()
    out = tmp_path / "out"
    run = start(model, out, video)
    while not (out / "aus.csv").exists() or len(table(out)) < 32:
        assert run.poll() is None, run.communicate()
        time.sleep(0.02)
    os.kill(run.pid, signal.SIGKILL)
    run.communicate()
    written = len((out / "aus.csv").read_bytes())
    again, fresh = start(model, out, video), start(model, tmp_path / "fresh", video)
    for one in (again, fresh):
        _, errors = one.communicate(timeout=120)
        assert one.returncode == 0, errors
    whole = (tmp_path / "fresh" / "aus.csv").read_bytes()
    assert (out / "aus.csv").read_bytes() == whole
    assert len(table(out)) == 800
    assert written < len(whole)
