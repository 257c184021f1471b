"""Our landmarks. Expected: similarity transforms, shifted and scaled pictures, the
points of rendered people whom the fit has not seen, and dlib's answers on photographs.
"""

import cv2
import numpy as np
import pytest

from au_jax.faces import cascade, detect
from au_jax.faces.cascade import ANCHORS, SIDE
from au_jax.faces.landmarks import MIRROR, eye_distance
from au_jax.rendering import landmark_examples as examples
from tests.shared_data import SHARED, needs_shared_data


def similarity(degrees, scale, shift):
    turn = np.radians(degrees)
    cosine, sine = scale * np.cos(turn), scale * np.sin(turn)
    return np.array([(cosine, -sine, shift[0]), (sine, cosine, shift[1])])


def apply(matrix, points):
    return points @ matrix[:, :2].T + matrix[:, 2]


def distance(found, true):
    """Return the mean distance in eye distances."""
    return float(np.linalg.norm(found - true, axis=1).mean() / eye_distance(true))


def pattern(size=SIDE):
    noise = np.random.default_rng(0).uniform(0, 255, (12, 12)).astype(np.float32)
    return cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC).clip(0, 255)


@pytest.mark.parametrize(("degrees", "scale"), [(0, 1), (30, 2.5), (-80, 0.3)])
def test_the_square_undoes_a_similarity(degrees, scale):
    there = similarity(degrees, scale, (40, 90))
    back = cascade.to_square(apply(there, ANCHORS))
    np.testing.assert_allclose(apply(back, apply(there, ANCHORS)), ANCHORS, atol=1e-9)


def test_five_equal_points_are_refused():
    with pytest.raises(ValueError, match="coincide"):
        cascade.to_square(np.full((5, 2), 7.0))


def test_points_of_the_square_return_to_the_picture():
    matrix = similarity(20, 0.6, (3, 5))
    points = np.random.default_rng(0).uniform(0, SIDE, (49, 2)).astype(np.float32)
    there = cascade.from_square(points, matrix)
    np.testing.assert_allclose(apply(matrix, there), points, atol=1e-3)


def test_a_large_face_loses_no_pixels():
    """Expected: the square of a picture that OpenCV shrank first."""
    large = pattern(16 * SIDE).astype(np.uint8)
    matrix = similarity(10, 1 / 16, (4, 2))
    small = cv2.resize(large, None, fx=1 / 8, fy=1 / 8, interpolation=cv2.INTER_AREA)
    shrunk = matrix.copy()
    shrunk[:, :2] *= 8
    shrunk[:, 2] += matrix[:, :2].sum(axis=1) * 3.5  # the centres of pixels
    expected = cv2.warpAffine(small, shrunk, (SIDE, SIDE), flags=cv2.INTER_LINEAR)
    found = cascade.cut(large, matrix)
    inside = (slice(24, -24),) * 2
    difference = found.astype(float) - expected
    assert np.abs(difference[inside]).mean() < 1.5


def test_gradients_go_to_their_orientation():
    """Expected: x slopes of brightness to the right are orientation 0, downwards 2."""
    ramp = np.tile(np.linspace(0, 15, 40) ** 2, (40, 1)).astype(np.uint8)
    right = cascade.orientations(ramp)[5:-5, 5:-5].sum(axis=(0, 1))
    assert right[0] > 0.9 * right.sum()
    down = cascade.orientations(ramp.T.copy())[5:-5, 5:-5].sum(axis=(0, 1))
    assert down[2] > 0.9 * down.sum()


def test_patches_follow_their_points():
    square = pattern().astype(np.uint8)
    shifted = np.roll(np.roll(square, 3, axis=0), 5, axis=1)
    points = np.random.default_rng(1).uniform(40, 70, (49, 2)).astype(np.float32)
    move = np.array((5, 3), np.float32)
    seen, same = (
        cascade.patches(cascade.orientations(image), at, 6, 5.0)
        for image, at in ((square, points), (shifted, points + move))
    )
    np.testing.assert_allclose(seen, same, atol=1e-4)
    assert (np.linalg.norm(seen.reshape(49, -1), axis=1) <= 1).all()
    empty = cascade.orientations(np.full((SIDE, SIDE), 90, np.uint8))
    assert not cascade.patches(empty, points, 6, 5.0).any()


def test_a_saved_cascade_is_the_same(tmp_path, monkeypatch):
    before = cascade.load()
    monkeypatch.setattr(cascade, "FILE", tmp_path / "other.npz")
    cascade.save(before, cascade.FILE)
    after = cascade.load.__wrapped__()
    square = pattern().astype(np.uint8)
    np.testing.assert_allclose(
        after.in_square(square), before.in_square(square), atol=1e-3
    )
    np.testing.assert_array_equal(after.shift, before.shift)


def test_rendered_people():
    """Expected: the true points, in dlib's convention; 3 % of the eye distance."""
    pytest.importorskip("dlib", reason="dlib is not installed: the extra `faces`")
    five_points, detector = detect.load_predictor(5), detect.load_detector()
    model, errors = cascade.load(), []
    for photo, true in examples.people([100_000, 100_001, 100_003]):
        grey = cv2.cvtColor(photo.image, cv2.COLOR_RGB2GRAY)
        for box, _ in detect.detect_faces(detector, grey)[:1]:
            five = five_points(grey, box)
            square = cascade.to_square(five)
            there = apply(square, true)
            wanted = there + model.shift * eye_distance(there)
            errors.append(distance(model.in_square(cascade.cut(grey, square)), wanted))
            # A picture of another size has the same points.
            large = cv2.resize(grey, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
            found = (model(large, 3 * five + 1) - 1) / 3
            assert distance(found, model(grey, five)) < 0.02
    assert len(errors) >= 8
    assert np.mean(errors) < 0.03


def test_a_mirrored_face_has_mirrored_points():
    pytest.importorskip("dlib", reason="dlib is not installed: the extra `faces`")
    model = cascade.load()
    (photo, true), *_ = examples.people([100_000])
    grey = cv2.cvtColor(photo.image, cv2.COLOR_RGB2GRAY)
    eyes = [true[[28, 25, 19, 22]], true[16:17]]
    square = cascade.cut(grey, cascade.to_square(np.concatenate(eyes)))
    other = model.in_square(np.ascontiguousarray(square[:, ::-1]))[MIRROR]
    mirrored = other * (-1, 1) + (SIDE - 1, 0)
    assert distance(mirrored, model.in_square(square)) < 0.03


@needs_shared_data
@pytest.mark.parametrize(
    ("folder", "every", "most"), [("studio", 70, 0.05), ("wild", 60, 0.07)]
)
def test_photographs_as_dlib_sees_them(folder, every, most):
    """Expected: dlib's 68 points, within 5 and 7 % of the eye distance on average."""
    pytest.importorskip("dlib", reason="dlib is not installed: the extra `faces`")
    squares, wanted = examples.photographs(
        sorted((SHARED / folder).rglob("*.jpg"))[::every]
    )
    assert len(squares) > 30
    model = cascade.load()
    errors = [
        distance(model.in_square(s), w) for s, w in zip(squares, wanted, strict=True)
    ]
    assert np.mean(errors) < most
    assert np.mean(np.array(errors) > 0.15) < 0.06
