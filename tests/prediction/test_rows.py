"""Rows of aus.csv. Expected: numbers put in by hand."""

import numpy as np
import pytest

from au_jax.faces.finder import Face
from au_jax.prediction import rows
from au_jax.prediction.inputs import Frame, Source

AUS = (1, 12)
FRAME = Frame(Source("a.mp4", "video"), 7, 0.28, np.zeros((99, 99, 3), np.uint8))
POINTS = np.random.default_rng(0).uniform(10, 60, (49, 2)).astype(np.float32)


def row_of(confidence: float = 1.0, points: np.ndarray = POINTS) -> dict[str, str]:
    """Return a row by column."""
    cells = rows.face_row(
        FRAME,
        3,
        Face((10, 20, 29, 59), confidence, points),
        np.array([0.25, 0.75]),
        np.array([False, True]),
        np.array([np.nan, 2.5]),
    )
    return dict(zip(rows.columns(AUS), cells, strict=True))


def test_a_row_states_the_frame_the_box_and_the_aus():
    row = row_of()
    expected = {
        "file": "a.mp4",
        "frame": "7",
        "timestamp": "0.2800",
        "face_id": "3",
        "status": "ok",
        "face_x": "10",
        "face_y": "20",
        "face_w": "20",  # both outer pixels belong to the face
        "face_h": "40",
        "AU01": "0.250000",
        "AU12_c": "1",
        "AU01_c": "0",
        "AU01_r": "",  # not known
        "AU12_r": "2.500",
        "x_48": f"{POINTS[48, 0]:.1f}",
        "y_0": f"{POINTS[0, 1]:.1f}",
    }
    assert {name: row[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("confidence", "status"), [(0.19, "low_confidence"), (0.2, "ok")]
)
def test_doubtful_faces_are_marked_and_have_aus_all_the_same(confidence, status):
    row = row_of(confidence)
    assert (row["status"], row["AU12"]) == (status, "0.750000")


def test_a_face_without_landmarks_has_no_pose():
    row = row_of(points=np.full((49, 2), np.nan, np.float32))
    for name in ("x_0", "y_48", "pose_pitch", "pose_yaw", "pose_roll"):
        assert row[name] == ""
