"""The Python interface. Expected: one thread's answers; landmarks of every frame."""

import csv
import dataclasses
import json
import os
import pickle
import signal
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from au_jax import Detector
from au_jax.errors import UserError
from au_jax.faces.detect import check_method
from au_jax.faces.landmarks import eye_distance
from au_jax.media.images import read_image
from au_jax.model_file import card as cards
from au_jax.prediction import run
from au_jax.prediction.detector import check_pictures
from au_jax.prediction.inputs import expand
from tests.mistakes import attempt
from tests.prediction.models import crops_of, small_model
from tests.shared_data import CLIPS, needs_shared_data


def with_intensity(entry):
    card = json.loads(json.dumps(small_model().card)) | {"intensity": entry}
    return dataclasses.replace(small_model(), card=card)


CURVES = {
    "path": "reconstructed",
    "probabilities": [0.0, 0.5, 1.0],
    "intensities": [[0.0, 1.0, 4.0], None],
}


def test_a_model_that_knows_intensities_states_them():
    p = np.array([[0.25, 0.2], [0.75, 0.9]])
    found = Detector(with_intensity(CURVES)).intensities(p)
    np.testing.assert_allclose(found[:, 0], [0.5, 2.5])
    assert np.isnan(found[:, 1]).all()
    # They were fitted to the answers of one path.
    other = Detector(with_intensity(CURVES), path="direct")
    assert np.isnan(other.intensities(p)).all()
    assert np.isnan(Detector(small_model()).intensities(p)).all()


def test_thresholds_count_for_the_path_on_which_they_were_chosen():
    card = json.loads(json.dumps(small_model().card))
    card |= {"thresholds": [0.25, 0.75], "thresholds_path": "reconstructed"}
    model = dataclasses.replace(small_model(), card=card)
    assert Detector(model, path="reconstructed").thresholds.tolist() == [0.25, 0.75]
    assert Detector(model, path="direct").thresholds.tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    "entry",
    [
        [],
        {"path": "direct"},
        {**CURVES, "path": "sideways"},
        {**CURVES, "probabilities": [0.0, 1.0, 0.5]},
        {**CURVES, "probabilities": [0.0, 0.5]},
        {**CURVES, "intensities": [[0.0, 1.0, 5.1], None]},
        {**CURVES, "intensities": [[0.0, 1.0, 4.0]]},
    ],
)
def test_intensities_that_cannot_be(entry):
    with pytest.raises(UserError, match="its intensities are not 0 to 5"):
        cards.check(with_intensity(entry).card, "m.aujax")


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
    run.predict(detector, sources, out, run.SearchOptions(every=every))
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


def test_a_pickled_detector_answers_the_same():
    crops = crops_of(np.random.default_rng(0).integers(0, 256, (3, 128, 128, 3), "u1"))
    detector = Detector(small_model(), "direct", "dlib68")
    other = pickle.loads(pickle.dumps(detector))
    assert (other.path, other.landmarks_by) == ("direct", "dlib68")
    expected = detector.probabilities(crops)
    np.testing.assert_array_equal(other.probabilities(crops), expected)


@pytest.mark.timeout(60)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # JAX's, about the fork
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Python's
def test_a_forked_process_is_told_what_to_do():
    detector = Detector(small_model())
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        try:
            signal.alarm(30)
            lines = [
                attempt(detector, [np.zeros((8, 8, 3), np.uint8)])[1],
                attempt(detector.probabilities, [])[1],
            ]
            os.write(write, "\n".join(lines).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    with os.fdopen(read) as pipe:
        lines = pipe.read().splitlines()
    assert len(lines) == 2
    assert all("make the Detector in each process, or use" in line for line in lines)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((8, 8), np.uint8), r"Picture 1 is uint8 of shape \(8, 8\)"),
        (np.zeros((8, 8, 3)), r"Picture 1 is float64 of shape \(8, 8, 3\)"),
        (np.zeros((0, 8, 3), np.uint8), r"Picture 1 is uint8 of shape \(0, 8, 3\)"),
    ],
)
def test_what_is_no_picture_is_named(wrong, message):
    picture = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(UserError, match=message):
        Detector()([picture, wrong])
    with pytest.raises(UserError, match="Picture 0 is NoneType"):
        check_pictures([None])  # what cv2.imread returns for a missing file
    with pytest.raises(UserError, match="This is NoneType"):
        check_pictures(None)


def test_an_unknown_way_to_find_landmarks_is_not_taken_for_ours():
    with pytest.raises(UserError, match="landmarks_by='dlib': give au_jax or dlib68"):
        check_method("dlib")
    assert Detector(landmarks_by="dlib68").landmarks_by == "dlib68"
