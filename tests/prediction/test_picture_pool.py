"""Faces found by several processes. Expected: whatever one thread writes."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys

import cv2
import numpy as np
import pytest

from au_jax import Detector
from au_jax.errors import UserError
from au_jax.prediction import resume, rows, run, search_thread
from au_jax.prediction.inputs import expand
from au_jax.prediction.search import Position, Seconds
from au_jax.raw.landmark_file import open_landmarks
from tests.prediction.models import small_model
from tests.programs import ROOT
from tests.raw_trees import write_picture
from tests.rendered import CLIPS, write_clip


def _predict(detector, inputs, out, workers, pause=lambda: None, show=None, **options):
    """Return the summary, and all files of the run."""
    sources = expand([str(path) for path in inputs])
    options = run.SearchOptions(**options, workers=workers)
    summary = run.predict(detector, sources, out, options, pause, show)
    assert multiprocessing.active_children() == []
    return summary, {path.name: path.read_bytes() for path in out.iterdir()}


@pytest.fixture
def cut_outs(tmp_path):
    """Return a folder of 60 small pictures of noise, each taken for one face."""
    rng = np.random.default_rng(0)
    (tmp_path / "in").mkdir()
    for number in range(60):
        noise = rng.integers(0, 256, (40, 40, 3), np.uint8)
        cv2.imwrite(str(tmp_path / "in" / f"{number:02}.png"), noise)
    return tmp_path / "in"


def test_pictures_around_a_video(detector, photographs, tmp_path, caplog):
    """Expected: the same files, pixels, messages and parts of the time."""
    write_clip(tmp_path / "cut.avi", [CLIPS["two_faces"](i) for i in range(6)], "FFV1")
    (tmp_path / "bad.jpg").write_text("no picture")
    inputs = [photographs[0], tmp_path / "bad.jpg", tmp_path / "cut.avi"]
    inputs += photographs[1:3]
    found = []
    for workers in (1, 2):
        shown, out = [], tmp_path / str(workers)
        show = lambda frame, lines, shown=shown: shown.append((frame.image, lines))
        summary, files = _predict(detector, inputs, out, workers, show=show)
        seconds = summary.seconds
        assert min(seconds.decode, seconds.detection, seconds.landmarks) > 0
        assert summary.frames == 10
        found.append((files, shown, [entry.getMessage() for entry in caplog.records]))
        caplog.clear()
    (files, shown, said), (other_files, other_shown, other_said) = found
    assert other_files == files
    assert other_said == said
    assert "bad.jpg" in "".join(said)
    for (image, lines), (other, other_lines) in zip(shown, other_shown, strict=True):
        np.testing.assert_array_equal(other, image)
        assert other_lines == lines
    assert shown[-1][0].ndim == 3
    assert min(shown[-1][0].shape[:2]) > 1


def test_a_run_resumes_with_another_number_of_workers(cut_outs, tmp_path):
    detector = Detector(small_model(), path="direct")
    _, expected = _predict(detector, [cut_outs], tmp_path / "whole", 1, whole=True)
    out, chunks = tmp_path / "out", []

    def pause():
        chunks.append(1)
        if len(chunks) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _predict(detector, [cut_outs], out, 2, pause, whole=True)
    assert multiprocessing.active_children() == []
    assert json.loads((out / resume.PROGRESS).read_text())["rows"] == {"ok": 32}
    summary, actual = _predict(detector, [cut_outs], out, 1, whole=True)
    assert summary.frames == 60 - 32
    assert actual == expected


def test_a_process_that_dies_is_one_line(cut_outs, tmp_path):
    detector = Detector(small_model(), path="direct")

    def pause():
        for process in multiprocessing.active_children():
            process.kill()

    with pytest.raises(UserError, match=r"finds faces died.* fewer --workers"):
        _predict(detector, [cut_outs], tmp_path / "out", 2, pause, whole=True)
    assert multiprocessing.active_children() == []


def test_known_landmarks(photographs, detector, tmp_path):
    """Expected: the same rows; what is wrong is said at the same picture."""
    [found] = detector([cv2.imread(str(photographs[0]))])[0]
    numbers = ",".join(map(str, found.face.landmarks.ravel().tolist()))
    outside = ",".join(map(str, (found.face.landmarks + 5000).ravel().tolist()))
    file = tmp_path / "points.csv"
    file.write_text(
        f"{photographs[0].name},{numbers}\n{photographs[2].name},{outside}\n"
    )
    sources = expand([str(path) for path in photographs[:4]])
    seen = []
    for workers in (1, 2):
        options = run.SearchOptions(known=open_landmarks(file, 0), workers=workers)
        results = search_thread.search(
            detector, sources, Position(), options, Seconds()
        )
        first, second = next(results), next(results)
        with pytest.raises(UserError, match=r"landmarks_by=.* in a picture of") as said:
            next(results)
        seen.append((first, second, str(said.value)))
    (one, none, error), (other, other_none, other_error) = seen
    assert other_error == error
    assert none.faces == other_none.faces == []
    for actual, expected in zip(other.crops[0], one.crops[0], strict=True):
        np.testing.assert_array_equal(actual, expected)
    assert other.after == one.after


WORKER = """
import sys
from au_jax.prediction import picture_pool
from au_jax.prediction.crop import Cropper
from au_jax.prediction.inputs import Source
from au_jax.prediction.search import Position, Task

picture_pool._start(picture_pool.Tools(None, Cropper(200, 2.8, 128), False))
source = Source(sys.argv[1], "image")
[found], _ = picture_pool._search(Task(source, Position(), 1, None))
print(found.crops[0].image.shape, "flax" in sys.modules)

import jax
jax.devices()
"""


def test_workers_start_no_device(tmp_path):
    """Expected: work is done where JAX has no device, and without the networks."""
    write_picture(tmp_path / "a.png")
    done = subprocess.run(
        [sys.executable, "-c", WORKER, tmp_path / "a.png"],
        cwd=ROOT,
        env=os.environ | {"JAX_PLATFORMS": "none"},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "(128, 128, 3) False\n", done.stderr
    assert "Unable to initialize backend" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_killed_program_resumes(tmp_path, how):
    for number in range(300):
        write_picture(tmp_path / "in" / f"{number:03}.png")
    out = tmp_path / "out"

    def start(workers, folder):
        command = [sys.executable, "-m", "au_jax.predict", f"--workers={workers}"]
        return subprocess.Popen(
            [*command, "--faces=find", f"--out={folder}", str(tmp_path / "in")],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    run_ = start(2, out)
    while not (out / rows.TABLE).exists() or _lines(out) < 30:
        assert run_.poll() is None, run_.communicate()
    # Ctrl-C reaches the whole group, kill -9 the program alone.
    (os.killpg if how == signal.SIGINT else os.kill)(run_.pid, how)
    _, errors = run_.communicate(timeout=60)  # this also waits for the workers' stderr
    assert "Traceback" not in errors, errors
    assert ("run the same command again to resume" in errors) == (how == signal.SIGINT)
    assert run_.returncode == (130 if how == signal.SIGINT else -9)
    assert _lines(out) < 300
    for workers, folder in ((0, out), (1, tmp_path / "fresh")):
        again = start(workers, folder)
        _, errors = again.communicate(timeout=120)
        assert again.returncode == 1, errors  # no faces
        assert errors == ""
    fresh = (tmp_path / "fresh" / rows.TABLE).read_bytes()
    assert (out / rows.TABLE).read_bytes() == fresh


def _lines(out):
    return (out / rows.TABLE).read_bytes().count(b"\n")
