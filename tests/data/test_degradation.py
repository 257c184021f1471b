"""Degraded training images. Expected: the definition of each fault."""

import cv2
import numpy as np
import pytest

from au_jax.data import degradation
from au_jax.data.degradation import degrade
from tests.synthetic import draw_face, face_points

FAULTS = ("light", "size", "noise", "compression")


class Only(np.random.Generator):
    """A generator that chooses one fault, and draws how strong it is."""

    def __init__(self, fault: str, seed: int = 0):
        super().__init__(np.random.PCG64(seed))
        self.chosen = np.array([0.0 if f == fault else 0.9 for f in FAULTS])

    def random(self, size=None, dtype=np.float64, out=None):
        return self.chosen


@pytest.fixture(scope="module")
def face():
    rng = np.random.default_rng(0)
    return draw_face(face_points(rng), np.array([True, False]), rng, 100)


def test_a_sixteenth_stays_as_it_is(face):
    same = [
        np.array_equal(degrade(face, np.random.default_rng(seed)), face)
        for seed in range(640)
    ]
    assert sum(same) == pytest.approx(640 / 16, abs=15)  # about 2.5 deviations


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_keeps_shape_and_type_and_repeats(face, fault):
    one, two = (degrade(face, Only(fault)) for _ in range(2))
    assert (one.shape, one.dtype) == (face.shape, np.uint8)
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, face)


def test_light_is_a_power_of_the_brightness():
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    for seed in range(5):
        found = degrade(ramp, Only("light", seed)).ravel()[::3] / 255
        gamma = np.log(found[60:230]) / np.log(np.arange(60, 230) / 255)
        assert found[0] == 0
        assert found[-1] == 1
        assert np.ptp(gamma) < 0.05
        low, high = degradation.GAMMA
        assert low - 0.03 < gamma.mean() < high + 0.03


def test_few_pixels_are_a_blur(face):
    """Detail is lost, but neither light nor place."""
    detail = lambda image: cv2.Laplacian(image, cv2.CV_64F).var()
    for seed in range(5):
        found = degrade(face, Only("size", seed))
        assert detail(found) < detail(face)
        assert found.mean() == pytest.approx(face.mean(), abs=1)
        # An image that is moved by a pixel is less like the old one.
        apart = lambda x: np.abs(x.astype(float) - face[4:-4, 4:-4]).mean()
        middle = apart(found[4:-4, 4:-4])
        assert middle < apart(found[5:-3, 4:-4])
        assert middle < apart(found[4:-4, 5:-3])


def test_noise_has_no_mean_and_the_stated_deviation():
    grey = np.full((200, 200, 3), 128, np.uint8)
    for seed in range(5):
        noise = degrade(grey, Only("noise", seed)).astype(float) - 128
        assert abs(noise.mean()) < 0.15
        assert noise.std() <= degradation.NOISE[1] + 0.2


def test_compression_keeps_colours(face):
    """Red stays red: the encoder gets the channels in its own order."""
    red = np.zeros((32, 32, 3), np.uint8) + np.array([200, 30, 10], np.uint8)
    assert np.abs(degrade(red, Only("compression")).astype(int) - red).max() < 6
    found = degrade(face, Only("compression", 1)).astype(float)
    assert 0 < np.abs(found - face).mean() < 8
