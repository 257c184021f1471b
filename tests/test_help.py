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


def help_of(module: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-m", module, "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return ended.stdout


def test_the_help_of_prepare_names_every_raw_set():
    from au_jax.preparation.run import READERS

    text = help_of("au_jax.prepare")
    (text,) = re.findall(r"^  --dataset: ([^-]*)", text, re.MULTILINE)
    assert {*READERS} <= {*re.findall(r"\w+", text)}


@pytest.mark.parametrize("program", ["fit_landmarks", "fit_pose"])
def test_the_help_of_what_fits_a_file_fits_nothing(program):
    text = help_of(f"au_jax.rendering.{program}")
    assert f"python -m au_jax.rendering.{program}" in text
    assert "wrote" not in text
