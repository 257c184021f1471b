"""Expected: the equations of the pinhole camera."""

import numpy as np

from au_jax.rendering import camera as cameras
from au_jax.rendering.camera import PIVOT, Camera

FRONTAL = Camera(
    yaw=0.0, pitch=0.0, roll=0.0, distance=10.0, scale=50.0, centre=(100.0, 80.0)
)


def test_frontal_projection():
    vertices = (PIVOT + np.array([(0, 0, 0), (1, 2, 0), (1, 2, 5)])).astype(np.float32)
    points, depth = cameras.project(vertices, FRONTAL)
    # At the pivot's distance 50 pixels per decimetre; at half of it twice as many.
    np.testing.assert_allclose(points, [(100, 80), (150, -20), (200, -120)], atol=1e-3)
    np.testing.assert_allclose(depth, [10, 10, 5], atol=1e-5)


def test_each_angle_turns_the_way_of_its_name():
    nose = (PIVOT + np.array([(0, 0, 1)])).astype(np.float32)
    top = (PIVOT + np.array([(0, 1, 0)])).astype(np.float32)

    def seen(point, **angles):
        pose = {"yaw": 0.0, "pitch": 0.0, "roll": 0.0} | angles
        camera = Camera(**pose, distance=1e3, scale=50.0, centre=(0.0, 0.0))
        return cameras.project(point, camera)[0][0]

    np.testing.assert_allclose(seen(nose, yaw=90.0), (50, 0), atol=0.1)
    np.testing.assert_allclose(seen(nose, pitch=90.0), (0, 50), atol=0.1)
    np.testing.assert_allclose(seen(top, roll=90.0), (-50, 0), atol=0.1)


def test_a_rotation_keeps_lengths():
    camera = Camera(
        yaw=20.0, pitch=-10.0, roll=5.0, distance=9.0, scale=1.0, centre=(0.0, 0.0)
    )
    turn = cameras.rotation(camera)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-6)
    assert np.linalg.det(turn) > 0
