"""Expected: grey frames whose brightness is their number, from OpenCV's writer."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from au_jax.media.images import UnusableImage
from au_jax.media.videos import Video
from tests.programs import ROOT

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


def test_a_file_without_a_video_is_refused(tmp_path):
    (tmp_path / "text.mp4").write_text("text")
    with pytest.raises(UnusableImage, match="not a video that OpenCV can decode"):
        Video(tmp_path / "text.mp4")


NAMES = ["12:30.avi", "http:x.avi", "file:x.avi", "img_%03d.avi", "a%20b.avi", "-i.avi"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_not_read_as_a_url_or_pattern(clip, tmp_path, monkeypatch, name):
    shutil.copy(clip, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    video = Video(Path(name))
    assert video.num_frames == 8
    video.close()


@pytest.mark.parametrize("name", [b"caf\xe9.avi", b"clip.\xe9", b"\xe9/clip.avi"])
def test_a_name_that_is_no_utf8_is_read(clip, tmp_path, name):
    path = tmp_path / os.fsdecode(name)
    path.parent.mkdir(exist_ok=True)
    shutil.copy(clip, path)
    code = (
        "import os, sys, pathlib; from au_jax.media.videos import Video\n"
        "video = Video(pathlib.Path(os.fsdecode(bytes.fromhex(sys.argv[1]))))\n"
        "while video.advance(): assert video.decode() is not None\n"
        "print(video.next)"
    )
    # In a process of its own, because OpenCV would end this one.
    command = [sys.executable, "-c", code, os.fsencode(path).hex()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "8\n"), done.stderr


def test_a_folder_named_like_a_server_makes_no_request(clip, tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        folder = tmp_path / "http:" / f"127.0.0.1:{server.getsockname()[1]}"
        folder.mkdir(parents=True)
        shutil.copy(clip, folder / "x.avi")
        monkeypatch.chdir(tmp_path)
        path = Path("http:") / folder.name / "x.avi"
        assert Video(path).num_frames == 8
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile {clip}\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{clip}\n#EXT-X-ENDLIST\n",
    ],
)
def test_a_playlist_opens_no_other_file(clip, tmp_path, text):
    shutil.copy(clip, tmp_path / "clip.avi")
    playlist = tmp_path / "list.mp4"
    playlist.write_text(text.format(clip="clip.avi"))
    with pytest.raises(UnusableImage, match="not a video"):
        Video(playlist)


@pytest.mark.timeout(20)
def test_pipes_and_devices_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "zero.mp4").symlink_to("/dev/zero")
    for name in ("pipe.mp4", "zero.mp4"):
        with pytest.raises(UnusableImage, match="not a regular file"):
            Video(tmp_path / name)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=30))
def test_any_damage_gives_frames_or_a_reason(clip, changes):
    data = bytearray(clip.read_bytes())
    for place, value in changes:
        data[int(place * len(data))] = value
    damaged = clip.with_name("damaged.avi")
    damaged.write_bytes(data)
    try:
        video = Video(damaged)
    except UnusableImage:
        return
    while video.next < 100 and video.advance():
        image = video.decode()
        assert image is None or image.dtype == np.uint8
    video.close()
