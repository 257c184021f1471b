"""Classical adaptation. Expected: numpy's covariances, means, and a shifted toy set."""

import numpy as np
import pytest

from au_jax.comparison import classical, reverse_validation
from au_jax.evaluation import metrics
from au_jax.evaluation.baselines import FaceFeatures


def test_coloured_features_have_the_covariance_of_the_target():
    rng = np.random.default_rng(0)
    source = rng.normal(size=(3000, 4)) @ (1000 * rng.normal(size=(4, 4)))
    target = rng.normal(size=(3000, 4)) @ (1000 * rng.normal(size=(4, 4))) + 5
    found = classical.coloured(source, target)
    # Both covariances have the identity added, which is small beside them.
    np.testing.assert_allclose(np.cov(found.T), np.cov(target.T), rtol=0.02)
    np.testing.assert_allclose(found.mean(axis=0), target.mean(axis=0))


def test_people_are_centred_each_and_few_images_together():
    x = np.arange(16.0).reshape(8, 2)
    person = np.array([0, 0, 0, 0, 1, 2, 2, 2])
    found = classical.centred(x, person)
    np.testing.assert_allclose(found[:4], x[:4] - x[:4].mean(axis=0))
    np.testing.assert_allclose(found[4:], x[4:] - x.mean(axis=0))


@pytest.fixture
def shifted():
    """Return a source and a target whose second feature has moved."""
    rng = np.random.default_rng(0)
    aus = (rng.random((400, 1)) < 0.4).astype(np.float32)
    x = rng.normal(size=(400, 2)) + 3 * aus
    return x, aus, np.ones_like(aus, bool)


def test_self_training_learns_from_its_own_answers(shifted):
    x, aus, known = shifted
    turned = x.copy()
    turned[:, 1] = -x[:, 1]  # of the target, the second feature means the opposite
    plain = classical.regress(x, aus, known)(turned)
    learned = classical.self_trained(x, aus, known, turned)(turned)
    auc = [metrics.score(p, aus, known).mean("auc") for p in (plain, learned)]
    assert auc[1] > auc[0]


def test_recombined_faces_have_an_expression_of_the_source_on_a_face_of_the_target():
    """One number tells the AU, the second the person: expected from how it is made."""
    rng = np.random.default_rng(0)
    person, other = np.arange(400) // 8, rng.normal(5, 2, 300)
    aus = (rng.random((400, 1)) < 0.5).astype(np.float32)
    x = np.stack([3 * aus[:, 0], rng.normal(size=50)[person]], axis=1)
    active = rng.random(300) < 0.5
    target = np.stack([3 * active, other], axis=1)
    known = np.ones_like(aus, bool)
    found, labels, counts = classical.recombined(x, aus, known, person, target)
    assert len(found) == len(labels) == len(counts) == 800
    assert counts.all()
    np.testing.assert_array_equal(labels[:400], aus)
    # The AU's own number is the source's about the target's mean, whatever face it is
    # on, because the target's own AUs are taken out of the face.
    expression = x[:, 0] - np.repeat(x[:, 0].reshape(50, 8).mean(axis=1), 8)
    error = found[:400, 0] - target[:, 0].mean() - expression
    assert np.abs(error).max() < 0.3
    # The person's number is half of a target's about the mean; the source's is gone.
    own = (found[:, 1] - other.mean()) / 0.5 + other.mean()
    assert np.isin(np.round(own, 3), np.round(other, 3)).mean() > 0.9


def test_what_an_au_adds_is_learned_from_known_labels_alone():
    """Unknown labels read as 0, and here half of the active ones are unknown."""
    rng = np.random.default_rng(0)
    person = np.arange(400) // 8
    aus = (rng.random((400, 1)) < 0.5).astype(np.float32)
    x = np.stack([3 * aus[:, 0], rng.normal(size=50)[person]], axis=1)
    known = (aus == 0) | (rng.random((400, 1)) < 0.5)
    target = np.stack([3 * (rng.random(300) < 0.5), rng.normal(size=300)], axis=1)
    complete = classical.recombined(x, aus, known, person, target)
    hidden = classical.recombined(x, aus * known, known, person, target)
    np.testing.assert_allclose(hidden[0], complete[0])


def test_reverse_validation_prefers_right_answers(shifted):
    x, aus, known = shifted
    numbers = {"source": x, "target": x + 0.1}
    right = np.abs(aus - 0.1).astype(np.float32)
    right += 0.01 * np.random.default_rng(0).random(right.shape).astype(np.float32)
    good = reverse_validation.score(right, numbers, aus, known)
    bad = reverse_validation.score(1 - right, numbers, aus, known)
    assert good > 0.9
    assert bad < 0.1


@pytest.mark.parametrize("name", classical.NAMES)
def test_every_detector_answers_for_the_other_domain(name):
    def split(seed: int, shift: float) -> classical.SplitFeatures:
        rng = np.random.default_rng(seed)
        aus = (rng.random((60, 2)) < 0.5).astype(np.float32)
        landmarks = rng.normal(size=(60, 98)) + 2 * aus[:, :1] + shift
        hog = rng.normal(size=(60, 4356)) / 100 + aus[:, 1:] + shift
        patches = rng.normal(size=(60, 7056)) / 100 + aus[:, 1:] + shift
        x, y, z = (x.astype("f4") for x in (landmarks, hog, patches))
        faces = FaceFeatures(x, y, z, aus, np.ones_like(aus, bool))
        return classical.SplitFeatures(faces, np.arange(60) // 6)

    source, target = split(0, 0.0), split(1, 0.5)
    p = classical.train(name, source, target)(target)
    assert p.shape == (60, 2)
    score = metrics.score(p, target.faces.aus, target.faces.known)
    assert score.auc[0] > 0.9
