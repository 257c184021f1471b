"""Gradient patches. Expected: a sum over pixels in NumPy, and OpenCV's box filter."""

import cv2
import jax
import numpy as np
import pytest

from au_jax.models.oriented_gradients import ORIENTATIONS, histograms, orientations
from au_jax.models.patch_detector import (
    CELLS,
    EYE_DISTANCE,
    SIDES,
    PatchDetector,
    drop_patches,
    gradient_patches,
)
from au_jax.models.resting_points import MEAN_FACE

RANDOM = np.random.default_rng(0)


def smooth(count: int, side: int) -> np.ndarray:
    """Return random pictures in -1..1 that are smooth enough to have clear edges."""
    noise = RANDOM.uniform(-1, 1, (count, side, side, 3)).astype(np.float32)
    blurred = np.stack([cv2.GaussianBlur(image, (0, 0), 2) for image in noise])
    return np.clip(4 * blurred, -0.9, 0.9)


def faces(count: int) -> np.ndarray:
    """Return random landmarks with about the eye distance of an aligned crop."""
    points = RANDOM.uniform(0.25, 0.75, (count, 49, 2)).astype(np.float32)
    points[:, 19:25] = [0.5 - EYE_DISTANCE / 2, 0.35]
    points[:, 25:31] = [0.5 + EYE_DISTANCE / 2, 0.35]
    return points


def test_each_gradient_counts_for_its_two_nearest_orientations():
    (image,) = smooth(1, 24)
    grey = (image + 1) * 127.5 @ np.array([0.299, 0.587, 0.114])
    y_slope, x_slope = np.gradient(np.sqrt(grey))
    turn = np.arctan2(y_slope, x_slope) % (2 * np.pi) / (2 * np.pi) * ORIENTATIONS
    expected = np.zeros((24, 24, ORIENTATIONS))
    for y, x in np.ndindex(24, 24):
        lower, share = int(turn[y, x]), turn[y, x] % 1
        strength = np.hypot(x_slope[y, x], y_slope[y, x])
        expected[y, x, lower % ORIENTATIONS] += strength * (1 - share)
        expected[y, x, (lower + 1) % ORIENTATIONS] += strength * share
    (actual,) = orientations(image[None])
    np.testing.assert_allclose(actual, expected, atol=1e-3)


@pytest.mark.parametrize("side", [4, 6, 8])
def test_cells_are_sums_about_each_second_pixel(side):
    x = RANDOM.uniform(size=(20, 20, 3)).astype(np.float32)
    border = cv2.BORDER_CONSTANT
    before = side // 2 - 1
    sums = cv2.boxFilter(
        x, -1, (side, side), anchor=(before, before), normalize=False, borderType=border
    )
    (actual,) = histograms(x[None], side)
    np.testing.assert_allclose(actual, sums[::2, ::2], rtol=1e-4)


def test_a_patch_moves_with_the_face():
    """A shift by whole cells changes nothing but at the border."""
    wide, points = smooth(1, 144), faces(1)
    here, there = wide[:, :128, :128], wide[:, 8:136, 4:132]
    moved = points - np.array([4, 8], np.float32) / 128
    inside = (moved > 0.25).all(axis=(0, 2)) & (points < 0.75).all(axis=(0, 2))
    assert inside.sum() > 10
    np.testing.assert_allclose(
        gradient_patches(there, moved)[:, inside],
        gradient_patches(here, points)[:, inside],
        atol=1e-2,
    )


def test_patches_are_normalised_and_flat_ones_are_zero():
    patches = np.asarray(gradient_patches(smooth(2, 128), faces(2)))
    size = CELLS**2 * ORIENTATIONS
    assert patches.shape == (2, 49, len(SIDES) * size)
    for half in np.split(patches, len(SIDES), axis=-1):
        root_mean_square = np.sqrt((half**2).mean(axis=-1))
        assert ((root_mean_square > 0.5) & (root_mean_square < 1)).all()
    flat = np.full((1, 128, 128, 3), 0.3, np.float32)
    np.testing.assert_array_equal(gradient_patches(flat, faces(1)), 0)


def test_contrast_hardly_matters():
    images, points = smooth(1, 128), faces(1)
    strong = np.asarray(gradient_patches(images, points))
    darker = (images + 1) * 0.6 - 1
    np.testing.assert_allclose(gradient_patches(darker, points), strong, atol=0.15)


def test_padding_without_landmarks_stays_finite():
    images = smooth(1, 128)
    patches = gradient_patches(images, np.zeros((1, 49, 2), np.float32))
    assert np.isfinite(np.asarray(patches)).all()


def test_patches_at_rest_stay_where_a_landmark_was():
    """A brow that rises takes its patches along, but not the one at rest."""
    images, size = smooth(1, 128), CELLS**2 * ORIENTATIONS
    points = (EYE_DISTANCE * MEAN_FACE + (0.5, 0.35)).astype(np.float32)[None]
    raised = points.copy()
    raised[:, :10, 1] -= 0.03
    at_rest, moved = (
        np.asarray(gradient_patches(images, p, resting=True)) for p in (points, raised)
    )
    of_landmarks = gradient_patches(images, raised)
    np.testing.assert_allclose(moved[..., : 2 * size], of_landmarks, atol=1e-5)
    first, third = at_rest[..., :size], at_rest[..., 2 * size :]
    np.testing.assert_allclose(third, first, atol=1e-3)
    np.testing.assert_allclose(moved[..., 2 * size :], third, atol=1e-3)
    assert np.abs(moved - at_rest)[:, :10, :size].max() > 0.1


def test_as_much_is_left_out_as_asked():
    kept = np.asarray(drop_patches(jax.random.key(0), 400, 0.3))
    np.testing.assert_allclose(np.unique(kept), [0, 1 / 0.7], rtol=1e-6)
    np.testing.assert_allclose(kept.mean(), 1, atol=0.02)  # the mean is as without
    np.testing.assert_array_equal(drop_patches(jax.random.key(0), 3, 0.0), 1)


def test_a_patch_that_is_left_out_is_not_seen():
    """Only the first ten landmarks' patches are seen: the rest may show anything."""
    images, points = smooth(2, 128), np.repeat(faces(1), 2, axis=0)
    points[:, :10] = RANDOM.uniform(0.7, 0.8, (10, 2))
    points[:, 10:] = np.minimum(points[:, 10:], 0.45)
    images[1, 70:, 70:] = images[0, 70:, 70:]
    module = PatchDetector(2, 0.125)
    kept = np.zeros((2, 49), np.float32)
    kept[:, :10] = 1
    variables = module.init(jax.random.key(1), images, points, kept)
    seen, other = np.asarray(module.apply(variables, images, points, kept))
    np.testing.assert_allclose(seen, other, atol=1e-5)
    seen, other = np.asarray(module.apply(variables, images, points))
    assert np.abs(seen - other).max() > 0.01
