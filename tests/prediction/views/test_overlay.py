"""Expected: an incomplete overlay is an error; unusual rates and sizes are not."""

import os
import subprocess
import sys

import cv2
import numpy as np
import pytest

from au_jax.errors import UserError
from au_jax.media.videos import Video
from au_jax.prediction.inputs import Source
from au_jax.prediction.views import overlay
from tests.disk import files_up_to
from tests.programs import ROOT
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


def test_a_folder_whose_name_is_no_utf8_gets_the_video(tmp_path):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    code = (
        "import os, sys, pathlib, numpy as np\n"
        "from au_jax.prediction.inputs import Source\n"
        "from au_jax.prediction.views import overlay\n"
        "out = pathlib.Path(os.fsdecode(bytes.fromhex(sys.argv[2])))\n"
        "pictures = iter([np.zeros((64, 64, 3), np.uint8)] * 3)\n"
        "overlay._write_video(out, Source(sys.argv[1], 'video'), pictures)\n"
    )
    write_clip(tmp_path / "a.avi", [np.zeros((64, 64, 3), np.uint8)] * 3, "FFV1")
    path = folder / "a.mp4"
    # In a process of its own, because OpenCV would end this one.
    names = str(tmp_path / "a.avi"), os.fsencode(path).hex()
    command = [sys.executable, "-c", code, *names]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert os.listdir(folder) == ["a.mp4"]
    assert Video(path).num_frames == 3


def test_videos_of_another_table_are_made_anew(tmp_path):
    """As when the same command gets a baseline, which changes the answers shown."""
    clip, table, folder = (tmp_path / name for name in ("a.avi", "aus.csv", "overlay"))
    write_clip(clip, [np.zeros((64, 64, 3), np.uint8)] * 3, "FFV1")
    header = "file,frame,face_id,status\n"
    lines = "".join(f"{clip},{frame},,no_face\n" for frame in range(3))
    table.write_text(header + lines)

    def written() -> int:
        overlay.write(table, folder, [Source(str(clip), "video")], [1], lambda: None)
        return (folder / "0000_a.mp4").stat().st_mtime_ns

    first = written()
    assert written() == first
    table.write_text(header + lines.replace("no_face", "low_confidence"))
    assert written() != first


@pytest.mark.parametrize("shape", [(100_000, 1), (1, 100_000), (8, 65_600)])
def test_a_long_picture_is_reduced(shape):
    image = np.zeros((*shape, 3), np.uint8)
    small, _ = overlay._reduced(image, [])
    assert max(small.shape) == 4096
    row = {"face_id": "", "status": "no_face"}
    assert overlay.annotate(small, [row], [1, 2]).nbytes < 1 << 28


def test_an_own_folder_is_refused_while_another_run_writes(tmp_path):
    from au_jax.prediction import run
    from au_jax.prediction.search import SearchOptions
    from au_jax.runtime.files import locked
    from tests.prediction.models import small_model

    detector = run.Detector(small_model())
    sources = [Source("a.jpg", "image")]
    with locked(tmp_path, "x"), pytest.raises(UserError, match="predicting into"):
        run.write_results(detector, sources, tmp_path, SearchOptions(), run.Outputs())


def test_a_large_frame_with_many_faces_is_shrunk_to_what_a_video_may_have(tmp_path):
    """MPEG-4 has less than 8192 pixels a side; 8 columns of bars pass that at 4K."""
    write_clip(tmp_path / "a.avi", [np.zeros((32, 32, 3), np.uint8)], "FFV1")
    source = Source(str(tmp_path / "a.avi"), "video")
    wide = np.full((480, 12_000, 3), 90, np.uint8)
    overlay._write_video(tmp_path / "a.mp4", source, iter([wide, wide]))
    video = Video(tmp_path / "a.mp4")
    assert video.num_frames == 2
    assert video.advance()
    image = video.decode()
    assert image is not None
    assert image.shape == (328, 8190, 3)
