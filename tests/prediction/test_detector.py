"""The Python interface. Expected: what one thread finds; landmarks of every frame."""

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
    fresh = Detector(small_model())  # its finder is made by whichever thread is first
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda p: fresh([p])[0], pictures * 4))
    for faces, wanted in zip(found, alone * 4, strict=True):
        assert len(faces) == len(wanted)
        for one, other in zip(faces, wanted, strict=True):
            assert one.face.box == other.face.box
            np.testing.assert_array_equal(one.face.landmarks, other.face.landmarks)
            np.testing.assert_array_equal(one.probabilities, other.probabilities)


def landmarks(detector, clip, out, every):
    """By frame and face: the points, the one that a face is searched for in."""
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


@needs_shared_data  # the bound was measured on photographs of people
@pytest.mark.parametrize("clip", ["one_face", "two_faces"])
def test_following_a_face_loses_little(detector, tmp_path, clip):
    """Searched for in every tenth frame: below 3 % of the eye distance off."""
    wanted = landmarks(detector, CLIPS / f"{clip}.mp4", tmp_path / "every", 1)
    found = landmarks(detector, CLIPS / f"{clip}.mp4", tmp_path / "tenth", 10)
    assert found.keys() == wanted.keys()
    errors = [
        100 * np.linalg.norm(found[key] - points, axis=-1).mean() / eye_distance(points)
        for key, points in wanted.items()
    ]
    assert np.mean(errors) < 3
