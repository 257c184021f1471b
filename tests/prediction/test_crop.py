"""Crops of faces. Expected: what preparation and the data pipeline make of them."""

import cv2
import numpy as np
import pytest

from au_jax.data import transforms
from au_jax.errors import UserError
from au_jax.faces import align
from au_jax.faces.finder import Face, whole_face
from au_jax.prediction import run
from au_jax.prediction.crop import Cropper
from au_jax.prediction.detector import Detector
from au_jax.prediction.inputs import expand
from tests.prediction.models import small_model


@pytest.mark.parametrize("crop", [128, 176])
def test_a_crop_is_that_of_the_data_pipeline(crop):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (300, 400, 3), np.uint8)
    points = rng.uniform(100, 250, (49, 2)).astype(np.float32)
    actual = Cropper(200, 2.8, crop)(image, Face((0, 0, 9, 9), 1.0, points))
    matrix = align.alignment_matrix(points.astype(np.float64), 200, 2.8)
    example = {
        "image": align.align_image(image, matrix, 200),
        "landmarks": align.align_landmarks(points, matrix),
        **dict.fromkeys(("aus", "aus_known", "person")),
    }
    expected = transforms.centre(example, crop)
    np.testing.assert_array_equal(actual.image, expected["image"])
    np.testing.assert_allclose(actual.landmarks, expected["landmarks"], atol=1e-5)


def test_a_whole_picture_has_no_landmarks():
    image = np.zeros((50, 60, 3), np.uint8)
    crop = Cropper(200, 2.8, 128)(image, whole_face(image))
    assert crop.image.shape == (128, 128, 3)
    assert np.isnan(crop.landmarks).all()


def test_a_model_that_looks_at_landmarks_refuses_whole_pictures():
    image = np.zeros((50, 60, 3), np.uint8)
    with pytest.raises(UserError, match="looks at landmarks"):
        Detector(small_model("supervised", "landmarks"))([image], whole=True)
    assert len(Detector(small_model("supervised"))([image], whole=True)[0]) == 1


def test_a_refused_prediction_leaves_no_folder(tmp_path):
    cv2.imwrite(str(tmp_path / "face.png"), np.zeros((50, 60, 3), np.uint8))
    detector = Detector(small_model("supervised", "landmarks"))
    sources, out = expand([str(tmp_path / "face.png")]), tmp_path / "out"
    options = run.SearchOptions(whole=True)
    with pytest.raises(UserError, match="looks at landmarks"):
        run.write_results(detector, sources, out, options, run.Outputs())
    assert not out.exists()
