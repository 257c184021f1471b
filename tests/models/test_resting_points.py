"""Points at rest. Expected: NumPy's least squares, and the cascade's mean face."""

import numpy as np

from au_jax.faces import cascade
from au_jax.faces.landmarks import MIRROR, eye_centres, eye_distance
from au_jax.models.resting_points import MEAN_FACE, RIGID, resting_points

RANDOM = np.random.default_rng(0)


def test_mean_face_is_that_of_our_landmarks():
    points = cascade.load().mean
    left, right = eye_centres(points)
    expected = (points - (left + right) / 2) / eye_distance(points)
    np.testing.assert_allclose(MEAN_FACE, expected, atol=0.006)
    np.testing.assert_array_equal(MEAN_FACE[MIRROR] * (-1, 1), MEAN_FACE)


def test_a_face_at_rest_stays_wherever_it_is():
    turn = np.array([(0.21, 0.04), (-0.05, 0.18)])
    face = (MEAN_FACE @ turn + (0.5, 0.4)).astype(np.float32)
    np.testing.assert_allclose(resting_points(face[None])[0], face, atol=1e-5)


def test_only_the_rigid_landmarks_count():
    face = RANDOM.uniform(size=(49, 2)).astype(np.float32)
    moved = face + RANDOM.normal(0, 0.1, face.shape).astype(np.float32)
    moved[RIGID] = face[RIGID]
    at_rest = np.asarray(resting_points(np.stack([face, moved])))
    np.testing.assert_array_equal(at_rest[0], at_rest[1])
    places = np.concatenate([MEAN_FACE, np.ones((49, 1))], axis=1)
    affine, *_ = np.linalg.lstsq(places[RIGID], face[RIGID], rcond=None)
    np.testing.assert_allclose(at_rest[0], places @ affine, atol=1e-4)
