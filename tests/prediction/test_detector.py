"""The Python interface. Expected: one thread's answers; landmarks of every frame."""

import csv
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from au_jax import Detector
from au_jax.faces.landmarks import eye_distance
from au_jax.media.images import read_image
from au_jax.prediction import run
from au_jax.prediction.inputs import expand
from tests.prediction.models import small_model
from tests.shared_data import CLIPS, needs_shared_data


def test_threads_find_what_one_thread_finds(detector, photographs):
    pictures = [read_image(path) for path in photographs]
    alone = [detector([picture])[0] for picture in pictures]
    assert sum(map(len, alone)) >= 6
    fresh = Detector(small_model())  # the first thread to need a finder makes it
    with ThreadPoolExecutor(4) as threads:
        actual = list(threads.map(lambda p: fresh([p])[0], pictures * 4))
    for faces, expected in zip(actual, alone * 4, strict=True):
        assert len(faces) == len(expected)
        for one, other in zip(faces, expected, strict=True):
            assert one.face.box == other.face.box
            np.testing.assert_array_equal(one.face.landmarks, other.face.landmarks)
            np.testing.assert_array_equal(one.probabilities, other.probabilities)


def landmarks(detector, clip, out, every):
    """Return the points by frame and face, searching in every n-th frame."""
    sources = expand([str(clip)])
    run.predict(detector, sources, out, run.Options(every=every))
    with (out / run.TABLE).open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["status"] == "ok"]
    return {
        (int(row["frame"]), int(row["face_id"])): np.array(
            [[float(row[f"{axis}_{i}"]) for axis in "xy"] for i in range(49)]
        )
        for row in rows
    }


@needs_shared_data  # measured on photographs of people
@pytest.mark.parametrize("clip", ["one_face", "two_faces"])
def test_following_a_face_loses_little(detector, tmp_path, clip):
    """Searching in every tenth frame costs less than 3 % of the eye distance."""
    expected = landmarks(detector, CLIPS / f"{clip}.mp4", tmp_path / "every", 1)
    actual = landmarks(detector, CLIPS / f"{clip}.mp4", tmp_path / "tenth", 10)
    assert actual.keys() == expected.keys()
    errors = [
        100 * np.linalg.norm(actual[k] - points, axis=-1).mean() / eye_distance(points)
        for k, points in expected.items()
    ]
    assert np.mean(errors) < 3
