"""An installed wheel works away from the checkout, from rendering to prediction.

The new environment reads the site-packages of the one that runs the tests, so the test
takes a minute and needs no network.
"""

import site
import subprocess
import sys
import venv
from pathlib import Path

import cv2
import pytest

from au_jax.rendering import sets
from tests.programs import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> Path:
    """Make a fresh environment with the wheel; return its folder of programs."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        check=True,
        timeout=120,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", with_pip=True)
    programs = folder / "venv" / "bin"
    pip = [programs / "python", "-m", "pip", "install", "--no-deps", "--no-index"]
    subprocess.run([*pip, wheel], check=True, timeout=120, capture_output=True)
    (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    # After the wheel, so that an `au_jax` installed there is not used.
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    return programs


def test_from_rendering_to_prediction(environment, tmp_path):
    def run(command: str, *arguments: str, code: int = 0) -> str:
        ended = subprocess.run(
            [environment / "au-jax", command, *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert ended.returncode == code, ended.stdout + ended.stderr
        return ended.stdout

    place = subprocess.run(
        [environment / "python", "-c", "import au_jax; print(au_jax.__file__)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert Path(place.stdout.strip()).is_relative_to(environment.parent)

    run("render", "--data_dir=prepared", "--size=0.05", "--sets=faces_lab,faces_wild")
    run(
        "train",
        "--config=joint:tiny",
        "--workdir=run",
        "--config.data.source=faces_lab",
        "--config.data.target=faces_wild",
        "--config.max_steps_per_epoch=2",
    )
    run("eval", "--workdir=run")
    assert "always active" in (tmp_path / "run" / "eval.md").read_text()
    run("export", "--workdir=run", "--out=model.aujax")

    _, photo = next(sets.jobs(sets.PLANS["faces_lab"], seed=0, size=0.05)[0].photos())
    cv2.imwrite(str(tmp_path / "face.png"), photo.image[..., ::-1])
    run("predict", "--model=model.aujax", "--out=results", "face.png")
    header, row = (tmp_path / "results" / "aus.csv").read_text().splitlines()
    assert dict(zip(header.split(","), row.split(","), strict=True))["status"] == "ok"
