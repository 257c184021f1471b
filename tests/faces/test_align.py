"""Expected: the reference files, and the formulas of the paper written out in numpy."""

import cv2
import numpy as np
import pytest

from au_jax.faces.align import align_image, align_landmarks, alignment_matrix
from tests.raw_trees import FACE
from tests.references import reference_files


def test_aligned_landmarks_equal_the_reference():
    for file in reference_files("preprocess_seed*.npz"):
        with np.load(file) as stored:
            pairs = zip(stored["landmarks"], stored["aligned"], strict=True)
            for raw, aligned in pairs:
                points = raw.reshape(49, 2)
                ours = align_landmarks(points, alignment_matrix(points))
                np.testing.assert_allclose(ours.ravel(), aligned.ravel(), atol=1e-3)


def turned(degrees: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return (scale * FACE.astype(np.float64) @ turn + shift).astype(np.float64)


@pytest.mark.parametrize("degrees", [0, 30, -75, 180])
def test_any_similar_face_lands_on_the_same_points(degrees):
    points = turned(degrees, 2.5, (300, 40))
    ours = align_landmarks(points, alignment_matrix(points))
    left, right = ours[19:25].mean(0), ours[25:31].mean(0)
    assert left[1] == pytest.approx(right[1])
    assert left[0] < right[0]
    # Half side of the square = .5 * 2.8 * larger extent = (200 - 1) / 2 pixels.
    five = np.stack([left, right, ours[13], ours[31], ours[37]])
    extent = np.ptp(five, axis=0).max()
    assert 0.5 * 2.8 * extent == pytest.approx((200 - 1) / 2)
    middle = (five.max(0) + five.min(0)) / 2
    np.testing.assert_allclose(middle, (200 - 1) / 2)


def test_pixels_go_where_landmarks_go():
    points = turned(20, 3, (250, 60))
    image = np.zeros((900, 900, 3), np.uint8)
    for x, y in points[[0, 13, 31, 48]]:
        cv2.circle(image, (round(x), round(y)), 6, (255, 255, 255), -1)
    matrix = alignment_matrix(points)
    aligned, ours = align_image(image, matrix), align_landmarks(points, matrix)
    assert aligned.shape == (200, 200, 3)
    for x, y in ours[[0, 13, 31, 48]]:
        assert aligned[round(y), round(x), 0] > 200


def test_beyond_the_picture_is_grey():
    image = np.full((200, 200, 3), 255, np.uint8)
    points = FACE + np.array([100, 0], np.float32)
    aligned = align_image(image, alignment_matrix(points))
    np.testing.assert_array_equal(aligned[:, -1], 128)
    assert (aligned == 255).any()


@pytest.mark.parametrize("points", [np.zeros((49, 2)), np.full((49, 2), np.nan)])
def test_points_that_are_no_face(points):
    with pytest.raises(ValueError, match="not those of a face"):
        alignment_matrix(points)
