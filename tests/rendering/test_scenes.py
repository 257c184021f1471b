"""Rendered pictures, judged by dlib's detector and its 68 points.

Neither was trained on rendered faces; our own landmarks were.
"""

import numpy as np
import pytest

from au_jax.faces.landmarks import eye_distance
from au_jax.rendering import scenes
from au_jax.rendering.expression import draw_sequence
from au_jax.rendering.person import draw_person
from au_jax.rendering.sets import PLANS

pytest.importorskip("dlib", reason="dlib is not installed")


def _judged(name, people):
    """Return the share of faces that dlib finds, and the error of its points."""
    from au_jax.faces.detect import make_finder

    plan, find = PLANS[name], make_finder("dlib68")
    errors = []
    for i in range(people):
        rng = np.random.default_rng((11, i))
        person, scene = draw_person(rng), plan.draw_scene(rng)
        (face,) = draw_sequence(rng, 1, plan.rates, plan.together, plan.distraction)
        photo = scenes.photograph(person, face, scene, 1)
        points = find(photo.image)
        if points is not None:
            off = np.linalg.norm(points - photo.landmarks, axis=1).mean()
            errors.append(off / eye_distance(photo.landmarks))
    return len(errors) / people, np.array(errors)


def _check(people):
    share, errors = _judged("faces_lab", people)
    assert share >= 0.95
    assert errors.mean() < 0.08  # of the eye distance
    share, _ = _judged("faces_wild", people)
    assert share >= 0.8


@pytest.mark.slow
def test_dlib_finds_the_faces_and_their_points():
    _check(25)


@pytest.mark.slow
def test_dlib_finds_the_faces_of_many_people():
    _check(250)


def test_a_photo_is_reproducible():
    def take(frame):
        rng = np.random.default_rng(3)
        person, scene = draw_person(rng), scenes.draw_wild(rng)
        rates = PLANS["faces_wild"].rates
        (face,) = draw_sequence(rng, 1, rates, {}, 0.1)
        return scenes.photograph(person, face, scene, frame)

    first, again, other = take(1), take(1), take(2)
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.landmarks, again.landmarks)
    assert np.abs(first.landmarks - other.landmarks).max() > 0.1
