"""Expected: grey frames whose brightness is their number, from OpenCV's writer."""

import cv2
import numpy as np
import pytest

from au_jax.media.images import UnusableImage
from au_jax.media.videos import Video

STEP = 20  # grey levels between two frames


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("videos") / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (32, 32))
    for index in range(8):
        writer.write(np.full((32, 32, 3), STEP * index, np.uint8))
    writer.release()
    return path


def test_frames_come_in_order(clip):
    video = Video(clip)
    assert (video.rate, video.num_frames, video.next) == (10.0, 8, 0)
    for index in range(8):
        assert video.advance()
        assert video.next == index + 1
        assert video.seconds == pytest.approx(index / 10, abs=1e-3)
        image = video.decode()
        assert image is not None
        assert abs(image.mean() - STEP * index) < 3
    assert not video.advance()
    assert video.next == 8
    video.close()


def test_skipped_frames_are_counted(clip):
    video = Video(clip)
    for _ in range(5):
        video.advance()
    image = video.decode()
    assert image is not None
    assert abs(image.mean() - STEP * 4) < 3


def test_a_file_that_is_no_video(tmp_path):
    (tmp_path / "text.mp4").write_text("text")
    with pytest.raises(UnusableImage, match="not a video that OpenCV can decode"):
        Video(tmp_path / "text.mp4")
