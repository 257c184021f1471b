"""Statistics of a prepared set. Expected: records that are counted by hand."""

import numpy as np
import pytest

from au_jax.preparation.checks.statistics import empty, landmark_faults
from tests.raw_trees import FACE


def record(aus: list[int], known: list[bool], subject: str = "F001"):
    return {
        "image": b"a picture",
        "landmarks": FACE,
        "aus": np.array(aus, np.int8),
        "aus_known": np.array(known),
        "subject": subject.encode(),
        "task": b"T1",
        "path": b"a.jpg",
    }


def test_labels_that_are_not_known_are_not_active():
    statistics = empty(3)
    statistics.add(record([1, 1, 0], [True, True, True]))
    statistics.add(record([1, 1, 1], [True, False, True]))
    assert statistics.known.tolist() == [2, 1, 2]
    assert statistics.active.tolist() == [2, 1, 1]
    assert statistics.together.tolist() == [[2, 1, 1], [1, 1, 0], [1, 0, 1]]
    assert (statistics.images, statistics.subjects["F001"]) == (2, 2)
    assert not statistics.faults


@pytest.mark.parametrize(
    ("point", "inside"),
    [((199, 199), True), ((0, 0), True), ((199.5, 9), False), ((9, -0.5), False)],
)
def test_landmarks_lie_within_the_200_pixels_of_the_image(point, inside):
    points = FACE.copy()
    points[0] = point  # the end of a brow
    expected = [] if inside else ["landmarks outside the image"]
    assert landmark_faults(points) == expected
