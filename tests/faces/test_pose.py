"""The pose of the head. Expected: poses of rendered heads, and SciPy's rotations."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from au_jax.faces.landmarks import MIRROR
from au_jax.faces.pose import head_pose, to_angles, to_matrix
from au_jax.rendering import camera as cameras
from au_jax.rendering import head, person
from au_jax.rendering.camera import Camera
from au_jax.rendering.fit_pose import angles_of


@pytest.fixture(scope="module")
def turned():
    """Return landmarks of people that the fit has not seen, and their poses."""
    rng, mesh = np.random.default_rng(12345), head.load()
    landmarks, angles = [], []
    for _ in range(60):
        vertices, *_ = person.draw_shape(rng, mesh)
        yaw, pitch, roll = rng.uniform((-30, -12, -25), (30, 12, 25))
        camera = Camera(yaw, pitch, roll, rng.uniform(8, 14), 90.0, (140.0, 150.0))
        landmarks.append(cameras.project(vertices[head.LANDMARKS], camera)[0])
        angles.append(angles_of(camera))
    return np.array(landmarks, np.float64), np.array(angles)


def test_poses_of_rendered_heads(turned):
    landmarks, angles = turned
    error = np.abs(head_pose(landmarks) - angles).mean(axis=0)
    assert (error < (4.5, 3.5, 1.5)).all(), error
    constant = np.abs(angles - angles.mean(axis=0)).mean(axis=0)
    assert (error < 0.8 * constant).all(), constant


def test_signs_are_those_of_the_docstring():
    neutral = head.load().vertices[head.LANDMARKS]

    def pose_of(yaw=0.0, pitch=0.0, roll=0.0):
        camera = Camera(yaw, pitch, roll, 10.0, 90.0, (140.0, 150.0))
        points = cameras.project(neutral, camera)[0].astype(np.float64)
        nose = points[13] - points[19:31].mean(axis=0)
        return head_pose(points[None])[0], nose

    (pitch, yaw, roll), nose = pose_of()
    for angle, at in (({"pitch": 15.0}, 1), ({"yaw": 20.0}, 0)):
        found, moved = pose_of(**angle)
        down_or_left = moved[at] - nose[at] if at else nose[at] - moved[at]
        change = found[0] - pitch if at else found[1] - yaw
        assert np.sign(change) == np.sign(down_or_left)
        assert abs(change) > 5
    found, _ = pose_of(roll=20.0)  # counter-clockwise: the camera's y points up
    assert found[2] - roll == pytest.approx(-20, abs=1.5)


def test_angles_and_matrices_are_those_of_scipy():
    angles = np.random.default_rng(0).uniform(-80, 80, (20, 3))
    expected = Rotation.from_euler("XYZ", angles, degrees=True).as_matrix()
    np.testing.assert_allclose(to_matrix(angles), expected, atol=1e-12)
    np.testing.assert_allclose(to_angles(expected), angles, atol=1e-9)


def test_place_and_size_do_not_matter_and_a_turn_in_the_picture_is_a_turn(turned):
    landmarks, _ = turned
    expected = head_pose(landmarks)
    np.testing.assert_allclose(head_pose(3 * landmarks + 50), expected, atol=1e-6)
    turn = Rotation.from_euler("z", 30, degrees=True)  # clockwise: y points down
    found = head_pose(landmarks @ turn.as_matrix()[:2, :2].T)
    actual, before = (
        Rotation.from_euler("XYZ", x, degrees=True) for x in (found, expected)
    )
    np.testing.assert_allclose(
        actual.as_matrix(), (turn * before).as_matrix(), atol=1e-6
    )


def test_a_mirrored_face_looks_the_other_way(turned):
    landmarks, _ = turned
    found = head_pose((landmarks * (-1, 1))[:, MIRROR])
    np.testing.assert_allclose(found, head_pose(landmarks) * (1, -1, -1), atol=2e-3)
