"""Boxes of faces. Expected: pixels counted by hand; a bright square that moves."""

from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest

from au_jax.faces import detect
from au_jax.faces.finder import FaceFinder, overlap


@pytest.mark.parametrize(
    ("other", "shared"),
    [
        ((0, 0, 9, 9), 1.0),
        ((5, 0, 14, 9), 50 / 150),
        ((9, 9, 18, 18), 1 / 199),
        ((2, 2, 5, 5), 16 / 100),
        ((10, 0, 19, 9), 0.0),  # they touch
        ((50, 0, 59, 9), 0.0),
        ((0, 50, 9, 59), 0.0),
    ],
)
def test_overlap_counts_pixels(other, shared):
    box = (0, 0, 9, 9)
    assert overlap(box, other) == overlap(other, box) == pytest.approx(shared)


class Rectangle(NamedTuple):
    """A box of dlib."""

    sides: tuple[int, int, int, int]

    def left(self):
        return self.sides[0]

    def top(self):
        return self.sides[1]

    def right(self):
        return self.sides[2]

    def bottom(self):
        return self.sides[3]


class Detector:
    """Finds what is bright, and one wrong face of a lower score."""

    score = 1.5

    def run(self, grey, upsample, threshold):
        y, x = np.nonzero(grey > 128)
        if len(x) < 100 or self.score < threshold:
            return [], [], []
        found = Rectangle((x.min(), y.min(), x.max(), y.max()))
        return [Rectangle((0, 0, 9, 9)), found], [threshold, self.score], [0, 0]


@pytest.fixture
def finder(monkeypatch) -> Any:
    monkeypatch.setattr(detect, "load_detector", Detector)
    monkeypatch.setattr(detect, "load_landmarks", lambda by: None)
    return FaceFinder()


def picture(left: int, top: int, side: int) -> np.ndarray:
    """Return a black picture with a white square."""
    grey = np.zeros((500, 700), np.uint8)
    end = left + side - 1, top + side - 1
    cv2.rectangle(grey, (left, top), end, 255, cv2.FILLED)
    return grey


@pytest.mark.parametrize("side", [40, 90, 160])
@pytest.mark.parametrize("place", [(120, 100), (0, 0), (400, 280)])
def test_a_known_face_is_found_where_it_has_moved(finder, side, place):
    x, y = place
    shift = side // 5
    before = (x, y, x + side - 1, y + side - 1)
    box, score = finder.follow(picture(x + shift, y, side), before)
    expected = (x + shift, y, x + side - 1 + shift, y + side - 1)
    np.testing.assert_allclose(box, expected, atol=side / 25)
    assert score == 1.5


def test_a_face_that_went_far_or_out_of_the_picture_is_gone(finder):
    grey = picture(300, 100, 60)
    assert finder.follow(grey, (20, 100, 79, 159)) is None
    assert finder.follow(grey, (695, 100, 794, 199)) is None


@pytest.mark.parametrize(("score", "found"), [(-0.19, True), (-0.21, False)])
def test_a_known_face_may_be_less_clear_than_a_new_one(finder, score, found):
    """Of a new face, dlib's lowest score is 0."""
    finder._detector.score = score
    face = finder.follow(picture(100, 100, 80), (100, 100, 179, 179))
    assert (face is not None) == found
