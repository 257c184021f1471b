"""Photographs that are moved. Expected: the pose and the points of rendered people, and
what AUs do to landmarks.
"""

import dataclasses

import numpy as np
import pytest

from au_jax.faces import cascade
from au_jax.faces.landmarks import eye_distance
from au_jax.rendering import driven, head, neutrality, portrait, reenactment, scenes
from au_jax.rendering.expression import Expression
from au_jax.rendering.person import draw_person
from au_jax.rendering.portrait import EYES, SIZE

NEUTRAL = Expression(dict.fromkeys(driven.AUS, 0.0), {})
YAW, PITCH = 6.0, -4.0


@pytest.fixture(scope="module")
def photo():
    """Return a picture of a neutral face with landmarks in dlib's convention."""
    rng = np.random.default_rng(3)
    person, scene = draw_person(rng), scenes.draw_lab(rng)
    camera = dataclasses.replace(scene.camera, yaw=YAW, pitch=PITCH, roll=0.0)
    scene = dataclasses.replace(scene, camera=camera)
    taken = scenes.photograph(person, NEUTRAL, scene, 0)
    shift = cascade.load().shift * eye_distance(taken.landmarks)
    return taken, taken.landmarks + shift


@pytest.fixture(scope="module")
def fitted(photo):
    taken, landmarks = photo
    return portrait.fit(taken.image, landmarks)


def strong(*aus):
    """Return an expression with these AUs at full strength."""
    weights = {}
    for au in aus:
        for unit, share in driven.UNITS[au].items():
            driven._add(weights, unit, share, 1.0)
    return Expression({au: float(au in aus) for au in driven.AUS}, weights)


def test_the_fit_finds_the_pose_and_the_points(photo, fitted):
    taken, _ = photo
    assert abs(fitted.camera.yaw - taken.camera.yaw) < 6
    assert abs(fitted.camera.pitch - taken.camera.pitch) < 8
    assert eye_distance(fitted.landmarks) == pytest.approx(EYES)
    places, _ = fitted.project(fitted.vertices)
    convention = cascade.load().shift * EYES
    apart = portrait.landmarks_of(places) + convention - fitted.landmarks
    assert np.linalg.norm(apart[10:], axis=1).mean() < 0.02 * EYES


def test_a_large_photograph_gives_the_same_portrait(photo, fitted):
    taken, landmarks = photo
    large = np.kron(taken.image, np.ones((5, 5, 1), np.uint8))
    other = portrait.fit(large, 5 * landmarks + 2)
    np.testing.assert_allclose(other.landmarks, fitted.landmarks, atol=0.1)
    difference = other.image.astype(float) - fitted.image
    assert np.abs(difference[100:300, 100:300]).mean() < 4


def test_without_an_expression_nothing_changes(fitted):
    picture, landmarks = reenactment.move(fitted, NEUTRAL, wrinkles=0.3)
    np.testing.assert_allclose(landmarks, fitted.landmarks, atol=0.05)
    difference = np.abs(picture.astype(float) - fitted.image)
    assert difference.mean() < 1
    assert np.percentile(difference, 99) < 12


@pytest.mark.parametrize(
    ("au", "points", "axis", "sign"),
    [
        (1, (4, 5), 1, -1),  # the inner brows rise
        (2, (1, 8), 1, -1),  # the outer brows rise
        (4, (3, 4, 5, 6), 1, 1),  # the brows lower
        (12, (31, 37), 1, -1),  # the corners of the mouth rise
        (15, (31, 37), 1, 1),  # they fall
        (26, (40,), 1, 1),  # the lower lip falls
        (43, (20, 21, 26, 27), 1, 1),  # the upper lids fall
    ],
)
def test_landmarks_move_as_the_au_says(fitted, au, points, axis, sign):
    _, after = reenactment.move(fitted, strong(au), wrinkles=0.0)
    moved = (after - fitted.landmarks)[list(points), axis] * sign
    assert (moved > 0.02 * EYES).all(), moved / EYES


def test_only_the_face_changes(fitted):
    picture, _ = reenactment.move(fitted, strong(6, 12, 26), wrinkles=0.3)
    assert picture.shape == (SIZE, SIZE, 3)
    difference = np.abs(picture.astype(float) - fitted.image).mean(axis=2)
    frame = np.ones((SIZE, SIZE), bool)
    frame[20:-20, 20:-20] = False
    assert difference[frame].mean() < 2
    assert difference[150:330, 120:280].mean() > 5


def test_an_open_mouth_is_dark_and_not_skin(fitted):
    shut, _ = reenactment.move(fitted, NEUTRAL, wrinkles=0.0)
    wide, points = reenactment.move(fitted, strong(26), wrinkles=0.0)
    x, y = np.round((points[44] + points[47]) / 2).astype(int)
    assert wide[y, x].mean() < 0.6 * shut[y + 25, x].mean()


def test_drawn_expressions():
    rng = np.random.default_rng(0)
    drawn = [driven.draw(rng) for _ in range(2000)]
    units = set(head.load().units)
    for expression in drawn:
        assert set(expression.units) <= units
        assert all(0 <= strength <= 1 for strength in expression.aus.values())
        assert not expression.active()[26] or expression.active()[25]
    share = {au: np.mean([e.active()[au] for e in drawn]) for au in driven.AUS}
    for au in (1, 4, 10, 12, 17):
        assert share[au] == pytest.approx(driven.RATES[au], abs=0.04)


def test_the_distance_from_neutral():
    """Expected: a face at every mean is at 0, in any place, size and tilt."""
    points = np.zeros((49, 2))
    points[19:25] = [
        (-0.6, 0),
        (-0.5, -0.1),
        (-0.4, -0.1),
        (-0.4, 0),
        (-0.4, 0.1),
        (-0.5, 0.1),
    ]
    points[25:31] = points[19:25] * (-1, 1)
    points[:, 0] += 1e-9
    before = neutrality.measures(points)
    angle = np.radians(25)
    turn = np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    np.testing.assert_allclose(
        neutrality.measures(70 * points @ turn + 9), before, atol=1e-6
    )
    assert before[3] == pytest.approx(0.2 / eye_distance(points))


def test_a_smile_is_not_neutral(fitted):
    """Expected: the corners of the mouth rise by more than a standard deviation."""
    _, smiling = reenactment.move(fitted, strong(12), wrinkles=0.0)
    corners = neutrality.NAMES.index("mouth corners")
    spread = neutrality.NEUTRAL["au_jax"][corners][1]
    before, after = map(neutrality.measures, (fitted.landmarks, smiling))
    assert (after - before)[corners] > spread
    far = fitted.landmarks.copy()
    far[[31, 37], 1] -= 20 * spread * EYES
    size, name = neutrality.deviation(far, "au_jax")
    assert name == "mouth corners"
    assert size > 10
