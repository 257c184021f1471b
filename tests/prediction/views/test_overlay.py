"""Expected: an incomplete overlay is an error; unusual rates and sizes are not."""

import cv2
import numpy as np
import pytest

from au_jax.errors import UserError
from au_jax.media.videos import Video
from au_jax.prediction.inputs import Source
from au_jax.prediction.views import overlay
from tests.disk import files_up_to
from tests.rendered import write_clip


@pytest.mark.parametrize("rate", [119.957, 299.086, 120000.0, 0.0, float("nan"), 29.97])
def test_every_rate_can_be_written(rate, tmp_path):
    path = tmp_path / "a.mp4"
    actual = overlay.writable_rate(rate)
    code = cv2.VideoWriter.fourcc(*"mp4v")
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, actual, (64, 64))
    assert writer.isOpened()
    writer.release()


def test_a_cut_video_is_an_error(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"half")
    with pytest.raises(UserError, match="disk may be full"):
        overlay._check_video(tmp_path / "a.mp4", tmp_path / "b.mp4", 3)


def test_a_disk_that_fills_up_leaves_no_video(tmp_path):
    """The same command writes the video when there is room again."""
    random = np.random.default_rng(0)
    pictures = [random.integers(0, 256, (128, 128, 3), np.uint8) for _ in range(20)]
    clip, path = tmp_path / "clip.avi", tmp_path / "overlay.mp4"
    write_clip(clip, pictures, "FFV1")
    source = Source(str(clip), "video")
    with files_up_to(50_000), pytest.raises(UserError, match="cannot write"):
        overlay._write_video(path, source, iter(pictures))
    assert list(tmp_path.iterdir()) == [clip]
    overlay._write_video(path, source, iter(pictures))
    assert path.stat().st_size > 50_000
    video = Video(path)
    assert video.num_frames == 20
    video.close()


@pytest.mark.parametrize("shape", [(100_000, 1), (1, 100_000), (8, 65_600)])
def test_a_long_picture_is_reduced(shape):
    image = np.zeros((*shape, 3), np.uint8)
    small, _ = overlay._reduced(image, [])
    assert max(small.shape) == 4096
    row = {"face_id": "", "status": "no_face"}
    assert overlay.annotate(small, [row], [1, 2]).nbytes < 1 << 28


def test_an_own_folder_is_refused_while_another_run_writes(tmp_path):
    from au_jax.prediction import run
    from au_jax.prediction.search import Options
    from au_jax.runtime.files import locked
    from tests.prediction.models import small_model

    detector = run.Detector(small_model())
    sources = [Source("a.jpg", "image")]
    with locked(tmp_path, "x"), pytest.raises(UserError, match="predicting into"):
        run.write_results(detector, sources, tmp_path, Options(), run.Outputs())
