"""Expected: the written pictures, and the finder's points after alignment."""

import dataclasses
import os

import cv2
import numpy as np
import pytest

from au_jax.faces.align import align_landmarks, alignment_matrix
from au_jax.media.images import UnusableImage
from au_jax.preparation import chunks
from au_jax.preparation.chunks import Faces
from au_jax.preparation.image_reader import LOST, ImageReader
from au_jax.raw.row import Row
from tests.raw_trees import FACE, make_finder, write_picture

ROWS = [
    Row(path, "train")
    for path in ("a.jpg", "black.png", "cut.jpg", "gone.jpg", "b.jpg")
]


@pytest.fixture
def raw(tmp_path):
    for i, name in enumerate(["a.jpg", "b.jpg", "cut.jpg"]):
        write_picture(tmp_path / name, i)
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "cut.jpg").read_bytes()[:400])
    cv2.imwrite(str(tmp_path / "black.png"), np.zeros((60, 50, 3), np.uint8))
    return tmp_path


def test_each_image_has_a_face_or_a_reason(raw):
    faces = chunks.extract(raw, ROWS, make_finder())
    reasons = [reason for reason, _ in faces.problems]
    assert reasons == ["", "no_face", "truncated", "missing", ""]
    assert [bool(jpeg) for jpeg in faces.jpegs] == [not reason for reason in reasons]
    points = FACE * np.array([50 / 200, 60 / 200], np.float32)
    expected = align_landmarks(points, alignment_matrix(points))
    np.testing.assert_allclose(faces.landmarks[0], expected, atol=1e-4)
    image = cv2.imdecode(np.frombuffer(faces.jpegs[4], np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape == (200, 200, 3)


def test_exceptions_and_wrong_answers_of_the_finder_are_reasons(raw):
    def fail(image):
        raise RuntimeError("out of\ncells")

    faces = chunks.extract(raw, ROWS[:1], fail)
    assert faces.problems == [("failed", "out of cells")]
    faces = chunks.extract(raw, ROWS[:1], lambda image: np.zeros((49, 2), np.float32))
    assert faces.problems[0][0] == "bad_landmarks"


def test_saved_and_loaded(raw, tmp_path):
    faces = chunks.extract(raw, ROWS, make_finder())
    file = chunks.chunk_file(tmp_path, raw, ROWS)
    chunks.save(file, faces)
    again = chunks.load(file)
    assert again is not None
    assert again.jpegs == faces.jpegs
    assert again.problems == faces.problems
    np.testing.assert_array_equal(again.landmarks, faces.landmarks)
    file.write_bytes(file.read_bytes()[:-100])
    assert chunks.load(file) is None
    assert chunks.load(tmp_path / "absent.npz") is None


def test_any_damage_to_a_stored_chunk_is_noticed_or_harmless(tmp_path):
    file = tmp_path / "chunk.npz"
    chunks.save(file, Faces([b"jpeg"], np.ones((1, 49, 2), np.float32), [("", "")]))
    data = file.read_bytes()
    damaged = [data[:size] for size in range(0, len(data), 101)]
    for at in range(0, len(data), 3):
        changed = bytearray(data)
        changed[at] ^= 1 << at % 8
        damaged.append(bytes(changed))
    for content in damaged:
        file.write_bytes(content)
        assert chunks.load(file) is None or chunks.stored(file) == 1


def test_no_images(tmp_path):
    faces = chunks.extract(tmp_path, [], make_finder())
    file = tmp_path / "none.npz"
    chunks.save(file, faces)
    again = chunks.load(file)
    assert again is not None
    assert len(again.jpegs) == len(again.landmarks) == len(again.problems) == 0


def test_the_name_changes_with_an_image(raw, tmp_path):
    before = chunks.chunk_file(tmp_path, raw, ROWS)
    assert before == chunks.chunk_file(tmp_path, raw, ROWS)
    os.utime(raw / "a.jpg", ns=(1, 1))
    changed = chunks.chunk_file(tmp_path, raw, ROWS)
    (raw / "gone.jpg").touch()
    again = chunks.chunk_file(tmp_path, raw, ROWS)
    given = [dataclasses.replace(ROWS[0], landmarks=FACE.tobytes()), *ROWS[1:]]
    moved = chunks.chunk_file(tmp_path, raw, given)
    assert len({before, changed, again, moved}) == 4


def test_given_landmarks_are_taken_as_they_are(raw):
    points = FACE * np.array([50 / 200, 60 / 200], np.float32) + np.float32(1.25)
    row = Row("a.jpg", "train", landmarks=points.tobytes())

    def never(image):
        raise AssertionError("nothing is to be found")

    faces = chunks.extract(raw, [row], never)
    expected = align_landmarks(points, alignment_matrix(points))
    np.testing.assert_allclose(faces.landmarks[0], expected, atol=1e-4)
    far = Row("a.jpg", "train", landmarks=(points + np.float32(100)).tobytes())
    assert chunks.extract(raw, [far], never).problems[0][0] == "bad_landmarks"


def test_frames_of_a_video_are_counted_from_one(tmp_path):
    file = str(tmp_path / "a.avi")
    video = cv2.VideoWriter(file, cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 48))
    for frame in range(1, 9):
        video.write(np.full((48, 64, 3), 20 * frame, np.uint8))
    video.release()
    reader = ImageReader(tmp_path)
    for frame in (2, 3, 7, 1, 8):
        image = reader.read(Row(f"a.avi#{frame}", "train", frame=frame, video="a.avi"))
        assert abs(int(image.mean()) - 20 * frame) <= 3
    with pytest.raises(UnusableImage, match="ends after 8 frames"):
        reader.read(Row("a.avi#9", "train", frame=9, video="a.avi"))
    with pytest.raises(UnusableImage, match="no such video"):
        reader.read(Row("b.avi#1", "train", frame=1, video="b.avi"))
    (tmp_path / "c.avi").write_bytes(b"no video")
    with pytest.raises(UnusableImage, match="can decode"):
        reader.read(Row("c.avi#1", "train", frame=1, video="c.avi"))


def test_a_video_that_lost_frames_says_that_labels_are_shifted(tmp_path):
    file = tmp_path / "a.avi"
    video = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"MJPG"), 25, (320, 240))
    for frame in range(1, 21):
        video.write(np.full((240, 320, 3), 12 * frame, np.uint8))
    video.release()
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = bytes(3000)
    file.write_bytes(content)
    reader = ImageReader(tmp_path)
    with pytest.raises(UnusableImage, match="of 20 frames; if they are lost") as error:
        reader.read(Row("a.avi#20", "train", frame=20, video="a.avi"))
    assert error.value.reason == LOST
