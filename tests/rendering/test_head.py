"""The mesh and its shapes. Expected: the movements that FACS describes."""

import numpy as np
import pytest

from au_jax.faces.landmarks import MIRROR
from au_jax.rendering import head
from au_jax.rendering.expression import AUS, Expression, draw_sequence

BROWS_INNER, BROWS_OUTER, CORNERS, CHIN_LIP = (
    (4, 5),
    (1, 8),
    (31, 37),
    (39, 40, 41),
)


def _moved(au):
    """Return how one AU at full strength moves the landmarks; x, y, z in dm."""
    rng = np.random.default_rng(0)
    rates = {other: float(other == au) for other in AUS}
    while True:
        (expression,) = draw_sequence(rng, 1, rates, {}, 0.0)
        if expression.aus[au] > 0.8:
            break
    mesh = head.load()
    return (head.deform(mesh.vertices, mesh.units, expression.units) - mesh.vertices)[
        head.LANDMARKS
    ]


@pytest.mark.parametrize(
    ("au", "points", "way"),
    [
        (1, BROWS_INNER, 1),
        (2, BROWS_OUTER, 1),
        (4, BROWS_INNER, -1),
        (12, CORNERS, 1),
        (17, CHIN_LIP, 1),
    ],
)
def test_an_au_moves_its_landmarks(au, points, way):
    height = way * _moved(au)[:, 1]
    assert height[list(points)].min() > 0.02  # 2 mm


def test_a_smile_widens_the_mouth():
    moved = _moved(12)
    assert moved[37, 0] - moved[31, 0] > 0.1


def test_cheeks_rise_below_the_eyes():
    mesh = head.load()
    cheek = np.argmin(np.linalg.norm(mesh.vertices - (0.52, 6.9, 1.27), axis=1))
    raised = head.deform(mesh.vertices, mesh.units, {"cheekSquintLeft": 1.0})
    assert raised[cheek, 1] - mesh.vertices[cheek, 1] > 0.05


def test_landmarks_are_mirror_images():
    points = head.load().vertices[head.LANDMARKS]
    np.testing.assert_allclose(points[MIRROR], points * (-1, 1, 1), atol=2e-3)


def test_normals_are_those_of_a_tetrahedron():
    """At each corner of a regular tetrahedron about 0 the normal points away from 0."""
    corners = np.array([(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)], float)
    faces = np.array([(0, 1, 2), (0, 3, 1), (0, 2, 3), (1, 3, 2)])
    actual = head.normals(corners, faces)
    np.testing.assert_allclose(actual, corners / np.sqrt(3), atol=1e-6)


def test_labels_begin_at_three_tenths():
    face = Expression(
        {au: s for au, s in zip(AUS, (0.0, 0.29, 0.3, 0.31, 1.0, 0.0), strict=True)}, {}
    )
    assert face.active() == dict(
        zip(AUS, (False, False, True, True, True, False), strict=True)
    )


def test_sequences_follow_the_rates():
    rng = np.random.default_rng(1)
    rates = {1: 0.0, 2: 1.0, 4: 0.5, 6: 0.0, 12: 0.0, 17: 0.0}
    drawn = [draw_sequence(rng, 5, rates, {}, 0.0) for _ in range(200)]
    top = {au: np.array([max(f.aus[au] for f in s) for s in drawn]) for au in AUS}
    assert (top[1] < 0.3).all()
    assert (top[2] >= 0.3).mean() > 0.95
    assert 0.35 < (top[4] >= 0.3).mean() < 0.6
    assert all(0 <= f.aus[au] <= 1 for s in drawn for f in s for au in AUS)


def test_all_named_units_exist():
    rng = np.random.default_rng(2)
    rates = {au: 1.0 for au in AUS}
    (face,) = draw_sequence(rng, 1, rates, {}, 1.0)
    assert face.units.keys() <= head.load().units.keys()
    assert len(face.units) > 30
