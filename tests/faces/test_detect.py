"""Expected: a face found at one size is found at others, at the scaled position."""

import sys

import cv2
import numpy as np
import pytest

from au_jax.errors import UserError
from au_jax.faces import detect
from au_jax.faces.landmarks import eye_distance
from tests import rendered


@pytest.fixture(scope="module")
def find():
    pytest.importorskip("dlib", reason="dlib is not installed: the extra `faces`")
    return detect.make_finder()


@pytest.fixture(scope="module")
def image():
    return np.pad(rendered.photo(12).image, ((16, 16), (16, 16), (0, 0)), mode="edge")


def test_the_points_are_near_the_true_ones(find):
    """On average, dlib's points are off by 7 % of the eye distance (docs/data.md)."""
    photos = [rendered.photo(person) for person in range(12)]
    errors = [
        np.linalg.norm(find(photo.image) - photo.landmarks, axis=-1).mean()
        / eye_distance(photo.landmarks)
        for photo in photos
    ]
    assert np.mean(errors) < 0.1


def test_the_points_are_in_order(find, image):
    points = find(image)
    assert points.shape == (49, 2)
    left, right = points[19:25].mean(0), points[25:31].mean(0)
    assert left[0] < points[13, 0] < right[0]  # the tip of the nose
    assert points[0, 0] < points[9, 0]  # brows
    assert points[31, 0] < points[37, 0]  # corners of the mouth
    assert points[:10, 1].max() < left[1] < points[13, 1] < points[31, 1]


@pytest.mark.parametrize("scale", [0.25, 0.5, 2, 4.35])
def test_pictures_of_any_size(find, image, scale):
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    other = find(cv2.resize(image, None, fx=scale, fy=scale, interpolation=way))
    assert np.abs(other / scale - find(image)).mean() < 2  # dlib rounds to pixels


def test_a_small_face_in_a_large_picture(find, image):
    large = np.full((2400, 3200, 3), 120, np.uint8)
    large[1000:1320, 2000:2320] = image
    assert np.abs(find(large) - (2000, 1000) - find(image)).max() <= 3


def test_the_largest_of_two_faces(find, image):
    both = np.full((640, 1000, 3), 120, np.uint8)
    both[:320, :320] = image
    both[:, 360:] = cv2.resize(image, (640, 640))
    assert find(both)[:, 0].min() > 360
    assert find(both[:, ::-1].copy())[:, 0].max() < 640


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 3000, 3), (240, 320, 3)])
def test_pictures_without_a_face(find, shape):
    assert find(np.zeros(shape, np.uint8)) is None


def test_the_package_of_the_model_is_not_imported(find):
    assert detect.predictor_path(5).is_file()
    assert detect.predictor_path(68).is_file()
    assert "face_recognition_models" not in sys.modules


def test_dlib_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "dlib", None)
    detect.load_dlib.cache_clear()
    with pytest.raises(UserError, match=r"dlib.*-r requirements/faces\.txt"):
        detect.make_finder()


def test_the_model_is_damaged(monkeypatch, tmp_path):
    pytest.importorskip("dlib", reason="dlib is not installed: the extra `faces`")
    monkeypatch.setattr(detect, "predictor_path", lambda points: tmp_path / "cut.dat")
    (tmp_path / "cut.dat").write_bytes(b"\x01\x01")
    with pytest.raises(UserError, match=r"cut.dat is damaged.*again"):
        detect.make_finder()


def test_the_model_is_missing(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"model.*-r requirements/faces\.txt"):
        detect.predictor_path(5)


def test_a_huge_picture_is_searched_at_a_bounded_size(monkeypatch):
    """Expected: what a detector that finds nothing is asked to search."""
    sizes = []

    class Detector:
        def run(self, grey, upsample, threshold):
            sizes.append(grey.shape)
            return [], [], []

    assert detect.detect_faces(Detector(), np.zeros((9000, 12000), np.uint8)) == []
    sides = [max(size) for size in sizes]
    assert sides[:4] == [640, 1280, 2560, 5120 if sides[-1] > 5120 else sides[-1]]
    assert sizes[-1][0] * sizes[-1][1] > 0.99 * detect.MAX_SEARCHED
    assert sizes[-1][0] * sizes[-1][1] < 1.01 * detect.MAX_SEARCHED
