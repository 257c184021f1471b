"""Faces of a video. Expected: numbers given by hand to boxes that are moved by hand."""

import json
from typing import Any

import numpy as np
import pytest

from au_jax.faces.finder import Box, FaceFinder
from au_jax.faces.tracker import Tracker

PICTURE = np.zeros((100, 400, 3), np.uint8)


class Finder(FaceFinder):
    """Finds the boxes that a test puts into a picture."""

    def __init__(self):
        self.here: list[Box] = []
        self.searches = 0
        self.blind = False
        """Whether no face can be followed."""

    def boxes(self, grey):
        self.searches += 1
        return [(box, 1.0) for box in self.here]

    def follow(self, grey, box):
        near = [b for b in self.here if abs(b[0] - box[0]) <= 10]
        return (near[0], 1.0) if near and not self.blind else None

    def landmarks(self, grey, box):
        return np.zeros((49, 2), np.float32)


def at(x: int) -> Box:
    """Return a box of 40 pixels whose left side is at x."""
    return (x, 30, x + 39, 69)


@pytest.fixture
def finder() -> Any:
    return Finder()


def numbers(tracker: Tracker, finder: Any, frame: int, *lefts: int) -> dict[int, int]:
    """Show faces at these places; return the place of each number."""
    finder.here = [at(x) for x in lefts]
    return {number: face.box[0] for number, face in tracker.step(PICTURE, frame)}


def test_new_faces_are_numbered_from_left_to_right(finder):
    tracker = Tracker(finder, every=1)
    assert numbers(tracker, finder, 0, 200, 0, 100) == {0: 0, 1: 100, 2: 200}
    assert numbers(tracker, finder, 1, 300, 200, 100, 0)[3] == 300


def test_a_face_that_returns_soon_keeps_its_number(finder):
    for away, number in ((50, 0), (51, 1)):
        tracker = Tracker(finder, every=1)
        assert numbers(tracker, finder, 0, 100) == {0: 100}
        for frame in range(1, away + 1):
            assert numbers(tracker, finder, frame) == {}
        assert numbers(tracker, finder, away + 1, 105) == {number: 105}


def test_the_best_overlap_keeps_the_number(finder):
    """Box 0 overlaps both faces of the second frame, and more the one on the right."""
    tracker = Tracker(finder, every=1)
    assert numbers(tracker, finder, 0, 100) == {0: 100}
    assert numbers(tracker, finder, 1, 90, 105) == {0: 105, 1: 90}


def test_another_face_far_away_gets_another_number(finder):
    tracker = Tracker(finder, every=1)
    numbers(tracker, finder, 0, 100)
    assert numbers(tracker, finder, 1, 125) == {1: 125}  # 15 of 65 columns are shared


def test_between_searches_faces_are_followed(finder):
    tracker = Tracker(finder, every=5)
    for frame in range(5):
        x = 100 + 8 * frame
        assert numbers(tracker, finder, frame, x, x + 100) == {0: x, 1: x + 100}
    assert finder.searches == 1
    numbers(tracker, finder, 5, 140, 240)
    assert finder.searches == 2


def test_a_frame_that_loses_a_face_is_searched(finder):
    tracker = Tracker(finder, every=100)
    numbers(tracker, finder, 0, 100, 200)
    assert numbers(tracker, finder, 1, 100) == {0: 100}
    assert finder.searches == 2
    # Once it is lost, it costs no further search.
    assert numbers(tracker, finder, 2, 100) == {0: 100}
    assert finder.searches == 2
    finder.blind = True
    assert numbers(tracker, finder, 3, 110, 200) == {0: 110, 1: 200}


def test_two_known_faces_do_not_become_one(finder):
    tracker = Tracker(finder, every=100)
    numbers(tracker, finder, 0, 100, 118)
    assert numbers(tracker, finder, 1, 109) == {0: 109}


def test_a_resumed_video_goes_on_as_if_nothing_had_happened(finder):
    tracker = Tracker(finder, every=1)
    numbers(tracker, finder, 0, 100, 200)
    numbers(tracker, finder, 1, 100)
    state = json.loads(json.dumps(tracker.state()))
    resumed = Tracker(finder, every=1, state=state)
    expected = {0: 100, 1: 200, 2: 300}
    for each in (tracker, resumed):
        assert numbers(each, finder, 2, 100, 200, 300) == expected
