"""Expected: what went in, and the finder's points moved by the alignment matrix."""

import os

import cv2
import numpy as np
import pytest

from au_jax.faces.align import align_landmarks, alignment_matrix
from au_jax.preparation import chunks
from tests.raw_trees import FACE, make_finder, write_picture

PATHS = ["a.jpg", "black.png", "cut.jpg", "gone.jpg", "b.jpg"]


@pytest.fixture
def raw(tmp_path):
    for i, name in enumerate(["a.jpg", "b.jpg", "cut.jpg"]):
        write_picture(tmp_path / name, i)
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "cut.jpg").read_bytes()[:400])
    cv2.imwrite(str(tmp_path / "black.png"), np.zeros((60, 50, 3), np.uint8))
    return tmp_path


def test_each_image_has_a_face_or_a_reason(raw):
    faces = chunks.extract(raw, PATHS, make_finder())
    reasons = [reason for reason, _ in faces.problems]
    assert reasons == ["", "no_face", "truncated", "missing", ""]
    assert [bool(jpeg) for jpeg in faces.jpegs] == [not reason for reason in reasons]
    points = FACE * np.float32([50 / 200, 60 / 200])
    expected = align_landmarks(points, alignment_matrix(points))
    np.testing.assert_allclose(faces.landmarks[0], expected, atol=1e-4)
    image = cv2.imdecode(np.frombuffer(faces.jpegs[4], np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (200, 200, 3)


def test_what_the_finder_raises_or_invents_is_a_reason(raw):
    def fail(image):
        raise RuntimeError("out of\ncells")

    faces = chunks.extract(raw, PATHS[:1], fail)
    assert faces.problems == [("failed", "out of cells")]
    faces = chunks.extract(raw, PATHS[:1], lambda image: np.zeros((49, 2), np.float32))
    assert faces.problems[0][0] == "bad_landmarks"


def test_saved_and_loaded(raw, tmp_path):
    faces = chunks.extract(raw, PATHS, make_finder())
    file = chunks.chunk_file(tmp_path, raw, PATHS)
    chunks.save(file, faces)
    again = chunks.load(file)
    assert again is not None
    assert again.jpegs == faces.jpegs
    assert again.problems == faces.problems
    np.testing.assert_array_equal(again.landmarks, faces.landmarks)
    file.write_bytes(file.read_bytes()[:-100])
    assert chunks.load(file) is None
    assert chunks.load(tmp_path / "absent.npz") is None


def test_no_images(tmp_path):
    faces = chunks.extract(tmp_path, [], make_finder())
    file = tmp_path / "none.npz"
    chunks.save(file, faces)
    again = chunks.load(file)
    assert again is not None
    assert len(again.jpegs) == len(again.landmarks) == len(again.problems) == 0


def test_the_name_changes_with_an_image(raw, tmp_path):
    before = chunks.chunk_file(tmp_path, raw, PATHS)
    assert before == chunks.chunk_file(tmp_path, raw, PATHS)
    os.utime(raw / "a.jpg", ns=(1, 1))
    changed = chunks.chunk_file(tmp_path, raw, PATHS)
    (raw / "gone.jpg").touch()
    assert len({before, changed, chunks.chunk_file(tmp_path, raw, PATHS)}) == 3
