"""Expected: `--help` prints its text, ends with 0, and loads no JAX or TFDS."""

import os
import re
import subprocess
import sys

import pytest

from tests.programs import ROOT

PROGRAMS = (
    *("main", "compare", "eval", "predict", "export", "prepare", "render", "reenact"),
    "benchmark",
)


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_loads_nothing_heavy(program):
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", f"au_jax.{program}", "--help"],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0
    assert "flags:" in ended.stdout
    assert "Traceback" not in ended.stderr
    loaded = {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines()}
    assert "au_jax.runtime.command_line" in loaded
    heavy = {"jax", "sklearn", "orbax", "tensorflow_datasets", "cv2", "torch"}
    assert not loaded & heavy


def test_the_help_of_prepare_names_every_raw_set():
    from au_jax.preparation.run import READERS

    ended = subprocess.run(
        [sys.executable, "-m", "au_jax.prepare", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    (text,) = re.findall(r"^  --dataset: ([^-]*)", ended.stdout, re.MULTILINE)
    assert {*READERS} <= {*re.findall(r"\w+", text)}


@pytest.mark.parametrize("program", ["fit_landmarks", "fit_pose"])
def test_the_help_of_what_fits_a_file_fits_nothing(program):
    ended = subprocess.run(
        [sys.executable, "-m", f"au_jax.rendering.{program}", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"python -m au_jax.rendering.{program}" in ended.stdout
    assert "wrote" not in ended.stdout
