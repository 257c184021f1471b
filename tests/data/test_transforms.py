"""Crops and landmark cells, against ADLD's numbers and formulas written out."""

import cv2
import numpy as np
import pytest

from au_jax.data import transforms
from au_jax.errors import UserError
from au_jax.faces.landmarks import MIRROR
from tests.references import reference_files
from tests.synthetic import draw_face, face_points


@pytest.mark.parametrize("path", reference_files("preprocess_*.npz"), ids=str)
def test_cells_equal_the_reference(path):
    """ADLD's preprocessing on the 44 x 44 map of the 176 crop."""
    expected = np.load(path)
    np.testing.assert_array_equal(MIRROR, expected["reflect"])
    for i, flip in enumerate(expected["flip"]):
        offset = (int(expected["offset_x"][i]), int(expected["offset_y"][i]))
        points = expected["aligned"][i].reshape(49, 2)
        cells = transforms.landmark_cells(points, offset, bool(flip), 176)
        np.testing.assert_array_equal(cells, expected["index"][i])


def test_cells_stay_on_the_map():
    points = np.random.default_rng(0).uniform(-300, 500, (49, 2))
    cells = transforms.landmark_cells(points, (3, 4), True, 128)
    assert cells.min() >= 0
    assert cells.max() < 32 * 32


@pytest.mark.parametrize(
    ("crop", "side"), [(128, 145), (144, 164), (176, 200), (224, 255), (256, 291)]
)
def test_resized_side(crop: int, side: int):
    """The sides of method.md section 6, a = round(200 c / 176), by hand."""
    assert transforms.resized_side(crop) == side


@pytest.mark.parametrize("crop", [0, 112, 127, 170])
def test_unusable_crop(crop: int):
    with pytest.raises(UserError, match=f"multiple of 16 .* not {crop}"):
        transforms.resized_side(crop)


def example(image: np.ndarray, points: np.ndarray) -> dict:
    """Return a face as `FaceSplit` returns it."""
    return {
        "image": image,
        "landmarks": points.astype(np.float32),
        "aus": np.array([1, 0], np.float32),
        "aus_known": np.array([True, True]),
        "person": np.int32(7),
    }


def drawn_face(seed: int) -> dict:
    rng = np.random.default_rng(seed)
    points = face_points(rng)
    return example(draw_face(points, np.array([True, False]), rng, 100), points)


def test_mirror_twice_is_identity():
    """Mirroring a picture by hand, then by `cropped`, gives the plain crop."""
    face = drawn_face(1)
    points = face["landmarks"]
    mirrored = np.stack([175 - points[:, 0], points[:, 1]], axis=-1)[MIRROR]
    by_hand = example(face["image"][:, 175::-1], mirrored)
    plain = transforms.cropped(face, 176, (0, 0), mirrored=False)
    twice = transforms.cropped(by_hand, 176, (0, 0), mirrored=True)
    np.testing.assert_array_equal(plain["image"], twice["image"])
    np.testing.assert_allclose(plain["landmarks"], twice["landmarks"], atol=1e-6)


@pytest.mark.parametrize("crop", [128, 176, 240])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("point", [3, 13, 22, 37])
def test_landmark_lies_on_its_dot(crop: int, mirrored: bool, point: int):
    """A disc drawn at one landmark: its centre of mass in the crop is the landmark."""
    points = np.full((49, 2), 100.0)
    points[point] = (80, 121)
    image = np.zeros((200, 200, 3), np.uint8)
    cv2.circle(image, (80, 121), 6, (255, 255, 255), -1)
    side = transforms.resized_side(crop)
    resized = transforms.resize(image, points.astype(np.float32), side)
    offset = (side - crop, (side - crop) // 3)
    seen = transforms.cropped(example(*resized), crop, offset, mirrored)
    brightness = seen["image"][..., 0] / 255
    y, x = np.mgrid[:crop, :crop]
    middle = [(axis * brightness).sum() / brightness.sum() for axis in (x, y)]
    actual = seen["landmarks"][MIRROR[point] if mirrored else point] * crop
    np.testing.assert_allclose(actual, middle, atol=0.05)


def test_smaller_faces_are_means_over_areas_and_larger_ones_are_linear():
    """Expected: means of 4 x 4 pixels, and a ramp that stays one between its ends."""
    image = drawn_face(2)["image"]
    points = np.array([[0, 0], [199, 199]], np.float32).repeat([24, 25], axis=0)
    small, moved = transforms.resize(image, points, 50)
    means = image.reshape(50, 4, 50, 4, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(small, means, atol=0.51)
    np.testing.assert_allclose(moved, (points - 1.5) / 4)  # centres of pixels
    ramp = np.zeros((200, 200, 3), np.uint8) + np.arange(200, dtype=np.uint8)[:, None]
    large, _ = transforms.resize(ramp, points, 400)
    expected = np.arange(400) / 2 - 0.25
    np.testing.assert_allclose(large[7, 1:-1, 0], expected[1:-1], atol=0.51)


def test_centre_crop_is_the_middle_of_the_picture():
    """The offset is (200 - 176) // 2 (method.md section 6)."""
    face = drawn_face(2)
    seen = transforms.centre(face, 176)
    np.testing.assert_array_equal(seen["image"], face["image"][12:188, 12:188])
    assert seen["image"].dtype == np.uint8
    expected = (face["landmarks"] - 12) / 176
    np.testing.assert_allclose(seen["landmarks"], expected, atol=1e-6)


def test_augmentation_draws_every_offset_and_both_sides():
    face, rng = drawn_face(3), np.random.default_rng(0)
    seen = [transforms.augment(face, rng, 176) for _ in range(300)]
    x, y = np.array([crop["landmarks"][13] * 176 for crop in seen]).T
    nose_x, nose_y = face["landmarks"][13]
    assert set(np.round(y - nose_y)) == set(range(-24, 1))
    plain = set(np.round(nose_x - np.arange(25), 2))
    mirrored = set(np.round(175 - nose_x + np.arange(25), 2))
    assert set(np.round(x.astype(float), 2)) <= plain | mirrored
    # A point keeps the name of its side in the picture, mirrored or not.
    assert all(crop["landmarks"][0, 0] < crop["landmarks"][9, 0] for crop in seen)


def test_degraded_crops_differ_in_the_image_alone():
    face = drawn_face(3)
    plain = transforms.augment(face, np.random.default_rng(5), 176)
    poor = transforms.augment(face, np.random.default_rng(5), 176, degraded=1.0)
    assert not np.array_equal(poor.pop("image"), plain.pop("image"))
    for key, value in plain.items():
        np.testing.assert_array_equal(poor[key], value)


def test_half_of_the_crops_are_mirrored():
    """A picture that is bright on its left half: mirrored, it is bright on its right.

    Of 400 fair draws, 150 to 250 are heads in all but one of a million runs.
    """
    image = np.zeros((200, 200, 3), np.uint8)
    image[:, :100] = 255
    face, rng = drawn_face(4) | {"image": image}, np.random.default_rng(0)
    seen = [transforms.augment(face, rng, 128)["image"] for _ in range(400)]
    assert 150 < sum(crop[0, 0, 0] < 128 for crop in seen) < 250


def test_same_generator_same_crop():
    face = drawn_face(5)
    one, two = (
        transforms.augment(face, np.random.default_rng(6), 144) for _ in range(2)
    )
    for key, value in one.items():
        np.testing.assert_array_equal(value, two[key])
