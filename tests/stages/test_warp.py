"""Warping and the curriculum. Expected: OpenCV's remap, and numpy's sort."""

import cv2
import jax
import numpy as np

from au_jax.stages.warp import curriculum, warp


def test_warp_samples_as_opencv_does():
    rng = np.random.default_rng(0)
    image = rng.uniform(-1, 1, (2, 12, 12, 3)).astype(np.float32)
    flow = rng.uniform(-0.4, 0.4, (2, 12, 12, 2)).astype(np.float32)
    actual = jax.jit(warp)(image, flow)
    line = np.linspace(-1, 1, 12, dtype=np.float32)
    grid = np.stack(np.meshgrid(line, line), axis=-1)
    for one, moved, found in zip(image, flow, actual, strict=True):
        pixels = (np.clip(grid + moved, -1, 1) + 1) * 11 / 2
        expected = cv2.remap(one, pixels[..., 0], pixels[..., 1], cv2.INTER_LINEAR)
        # OpenCV rounds places to 1/32 of a pixel.
        np.testing.assert_allclose(found, expected, atol=0.08)


def test_without_flow_the_image_stays():
    image = np.random.default_rng(0).normal(size=(1, 8, 8, 3)).astype(np.float32)
    still = np.zeros((1, 8, 8, 2), np.float32)
    np.testing.assert_allclose(jax.jit(warp)(image, still), image, atol=1e-5)


def test_the_window_moves_from_the_easy_half_to_the_hard_ones():
    errors = np.random.default_rng(0).permutation(20).astype(np.float32)
    ranked = np.sort(errors)
    for progress, lower in ((0.0, 0), (0.19, 0), (0.2, 2), (0.5, 4), (0.99, 8), (1, 8)):
        actual = jax.jit(curriculum)(errors, np.array(progress, np.float32))
        np.testing.assert_allclose(actual, ranked[lower : lower + 10].mean())
        gradient = jax.grad(curriculum)(errors, np.array(progress, np.float32))
        assert np.count_nonzero(gradient) == 10


def test_a_single_sample_always_counts():
    one = np.array([3.0], np.float32)
    for progress in (0.0, 0.5, 1.0):
        assert jax.jit(curriculum)(one, np.array(progress, np.float32)) == 3
