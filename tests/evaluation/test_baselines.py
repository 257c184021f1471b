"""Classical detectors. Expected: invariance, and learning from what each one sees."""

import cv2
import numpy as np
import pytest

from au_jax.data.split import open_split
from au_jax.evaluation import baselines
from au_jax.evaluation.baselines import HOG, LANDMARKS, PATCHES, FaceFeatures
from au_jax.faces.landmarks import eye_centres
from tests.synthetic import face_points, write_prepared

RANDOM = np.random.default_rng(0)
POINTS = face_points(RANDOM).astype(np.float32)
PICTURE = cv2.GaussianBlur(RANDOM.integers(0, 256, (200, 200, 3), np.uint8), (0, 0), 3)


def moved(scale: float, x: float, y: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the picture and its points, enlarged and shifted."""
    matrix = np.array([[scale, 0, x], [0, scale, y]])
    return cv2.warpAffine(PICTURE, matrix, (400, 400)), scale * POINTS + (x, y)


def test_place_and_size_of_a_face_do_not_matter():
    image, points = moved(1.5, 40, 60)
    shape = baselines.shape(points)
    np.testing.assert_allclose(shape, baselines.shape(POINTS), atol=1e-5)
    left, right = eye_centres(shape.reshape(49, 2))
    np.testing.assert_allclose(np.linalg.norm(right - left), 1, rtol=1e-5)
    for features, length in ((baselines.gradients, 4356), (baselines.patches, 7056)):
        expected = features(PICTURE, POINTS)
        actual = features(image, points)
        assert actual.shape == (length,)
        assert np.corrcoef(actual, expected)[0, 1] > 0.9
        other = features(PICTURE[::-1].copy(), POINTS)
        assert np.corrcoef(other, expected)[0, 1] < 0.5


def test_pictures_are_seen_in_grey_with_their_channels_in_order():
    grey = cv2.cvtColor(PICTURE, cv2.COLOR_RGB2GRAY)
    same = np.repeat(grey[..., None], 3, axis=2)
    for features in (baselines.gradients, baselines.patches):
        np.testing.assert_allclose(
            features(PICTURE, POINTS), features(same, POINTS), atol=1e-5
        )


def test_a_patch_sums_gradients_by_cell_and_orientation():
    """Expected: a loop over the pixels of a patch, with 49 pixels between the eyes."""
    points = np.zeros((49, 2), np.float32)
    points[19:25], points[25:31], points[0] = (64 - 24.5, 40), (64 + 24.5, 40), (60, 70)
    points[1] = (-50, 300)  # far outside: its patch lies at the corner of the square
    grey = np.ascontiguousarray(PICTURE[..., 0])
    image = np.repeat(grey[..., None], 3, axis=2)
    found = baselines.patches(image, points).reshape(49, 4, 4, 9)
    # The scale is 128 / (2.6 * 49), so nearly 1: the square starts at about (0, 0).
    face, at = baselines._square(image, points, 128)
    np.testing.assert_allclose(at[0], (60, 70), atol=0.3)
    y, x = np.gradient(np.sqrt(face.astype(np.float64)))
    expected = np.zeros((4, 4, 9))
    for row in range(70 - 12, 70 + 12):
        for column in range(60 - 12, 60 + 12):
            angle = np.arctan2(y[row, column], x[row, column]) % np.pi / np.pi * 9
            cell = expected[(row - 58) // 6, (column - 48) // 6]
            strength = np.hypot(x[row, column], y[row, column])
            cell[int(angle) % 9] += (1 - angle % 1) * strength
            cell[(int(angle) + 1) % 9] += angle % 1 * strength
    expected /= np.sqrt((expected**2).sum() + 1)
    np.testing.assert_allclose(found[0], expected, atol=1e-4)
    assert (found[1, 2:, :2] == 0).all()  # below and left of the square


def drawn(n: int, seed: int) -> FaceFeatures:
    """Return noise in which one landmark and one gradient tell the AUs 0 and 1."""
    random = np.random.default_rng(seed)
    aus = (random.random((n, 3)) < 0.4).astype(np.float32)
    landmarks = random.normal(size=(n, 98)).astype(np.float32)
    hog = random.normal(scale=0.1, size=(n, 4356)).astype(np.float32)
    landmarks[:, 7] += 3 * aus[:, 0]
    hog[:, 1000] += 6 * aus[:, 1]
    patches = random.normal(scale=0.02, size=(n, 7056)).astype(np.float32)
    patches[:, 2000] += 6 * aus[:, 1]
    known = random.random((n, 3)) < 0.8
    return FaceFeatures(landmarks, hog, patches, aus, known)


@pytest.mark.parametrize(
    ("name", "learned"), [(LANDMARKS, [0]), (HOG, [0, 1]), (PATCHES, [0, 1])]
)
def test_each_detector_learns_from_what_it_sees(name, learned):
    train, test = drawn(400, 0), drawn(200, 1)
    probabilities = baselines.fit(name, train)(test)
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    scores = baselines.metrics.score(probabilities, test.aus, test.known)
    assert [a for a in range(3) if scores.auc[a] > 0.85] == learned
    assert abs(scores.auc[2] - 0.5) < 0.15


def test_unknown_labels_change_nothing():
    train, test = drawn(200, 0), drawn(20, 1)
    expected = baselines.fit(LANDMARKS, train)(test)
    train.aus[~train.known] = 1 - train.aus[~train.known]
    np.testing.assert_array_equal(baselines.fit(LANDMARKS, train)(test), expected)


def test_an_au_with_equal_or_no_labels_gets_its_rate():
    train, test = drawn(50, 0), drawn(20, 1)
    train.aus[:, 0] = 1
    train.known[:, 1] = False
    probabilities = baselines.fit(HOG, train)(test)
    np.testing.assert_array_equal(probabilities[:, :2], [[1, 0]] * 20)


def test_all_are_scored_on_each_domain(tmp_path, monkeypatch):
    for name in ("bp4d", "emotionet"):
        write_prepared(tmp_path, name)
    aus = (1, 12)
    train = open_split(tmp_path, "bp4d", "train", aus)
    tests = {
        "source": open_split(tmp_path, "bp4d", "test", aus),
        "target": open_split(tmp_path, "emotionet", "test", aus),
    }
    scores = baselines.score(train, tests)
    assert [(x.name, x.domain) for x in scores] == [
        (name, domain) for name in baselines.NAMES for domain in tests
    ]
    assert all(x.num_trained == 24 and x.scores.images.sum() == 16 for x in scores)
    monkeypatch.setattr(baselines, "MOST_IMAGES", 10)
    assert {x.num_trained for x in baselines.score(train, tests)} == {8}
