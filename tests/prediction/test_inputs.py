"""Expected: every picture in a folder is listed, readable or not; names are checked."""

import os
import struct

import cv2
import numpy as np
import pytest

from au_jax.errors import UserError
from au_jax.media.videos import Video
from au_jax.prediction import inputs
from au_jax.prediction.inputs import LeftOut, Source, expand, read
from tests.trimmed import trim, write_grey


def test_an_unreadable_entry_of_a_folder_is_a_row(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "gone.png").symlink_to("nowhere")
    (tmp_path / "self").symlink_to(".")
    (tmp_path / "a.gif").write_bytes(b"")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    sources = expand([str(tmp_path)])
    ends = [source.file.rsplit("/")[-1] for source in sources]
    assert ends == ["a.gif", "gone.png", "loop.jpg", "pipe.jpg"]
    frames = [next(read(source)) for source in sources]
    assert all(frame.image is None and frame.error for frame in frames)


def test_results_inside_the_input_are_not_predicted(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"")
    (tmp_path / "out/overlay").mkdir(parents=True)
    (tmp_path / "out/overlay/0000_a.jpg").write_bytes(b"")
    for name in (str(tmp_path), f"{tmp_path}/**"):
        (source,) = expand([name], tmp_path / "out")
        assert source.file.endswith("a.jpg")
    # The input may be the folder of the results itself.
    (tmp_path / "out/b.jpg").write_bytes(b"")
    for name in (f"{tmp_path}/out", f"{tmp_path}/out/*", f"{tmp_path}/out/**"):
        (source,) = expand([name], tmp_path / "out")
        assert source.file.endswith("b.jpg")


def test_annotated_pictures_of_another_run_are_left_out(tmp_path):
    folder = tmp_path / "res/overlay"
    folder.mkdir(parents=True)
    for name in ("a.jpg", "res/overlay/0000_a.jpg", "res/overlay/.table.sha256"):
        (tmp_path / name).write_bytes(b"")
    for name in (str(tmp_path), f"{tmp_path}/**"):
        left_out = LeftOut()
        (source,) = expand([name], tmp_path / "res2", left_out)
        assert source.file.endswith("/a.jpg")
        line = f"left out {folder}: annotated pictures of another run"
        assert left_out.lines() == [line]
    # Whoever names them means them.
    (source,) = expand([str(folder)])
    assert source.file.endswith("/0000_a.jpg")


def test_files_of_unknown_kinds_are_counted(tmp_path):
    names = ("a.jpg", "b.ts", "c.txt", "d.TXT", "LICENSE", ".hidden", "out/aus.csv")
    (tmp_path / "out").mkdir()
    for name in names:
        (tmp_path / name).write_bytes(b"")
    left_out = LeftOut()
    sources = expand([str(tmp_path)], tmp_path / "out", left_out)
    assert [source.kind for source in sources] == ["image", "video"]
    said = "left out 3 files that are neither pictures nor videos: .txt, LICENSE"
    assert left_out.lines() == [said]


def test_a_picture_is_listed_once_and_a_pattern_searches_folders(tmp_path, monkeypatch):
    (tmp_path / "in/sub").mkdir(parents=True)
    for name in ("in/a.jpg", "in/sub/b.jpg"):
        (tmp_path / name).write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    for names in (["in/*"], ["in/a.jpg", "./in/a.jpg", "in", f"{tmp_path}/in/a.jpg"]):
        assert [s.file for s in expand(names)] == ["in/a.jpg", "in/sub/b.jpg"]


@pytest.mark.parametrize("name", ["", "9" * 20, "²", "x" * 300, "a\0b"])
def test_an_impossible_name_is_one_line(name):
    with pytest.raises(UserError):
        expand([name])


class Recording(Video):
    """A video that OpenCV decodes: by frame, its time stamp and whether it is good."""

    stamps = (0.0, 0.1, 0.2, 0.3)
    good = (True, True, False, True)
    rate, num_frames = 20.0, 4  # pyright: ignore[reportAssignmentType]

    def __init__(self, source):
        self.next = 0

    @property
    def seconds(self):
        return self.stamps[self.next - 1]

    def advance(self):
        if self.next == len(self.stamps):
            return False
        self.next += 1
        return True

    def decode(self):
        good = self.good[self.next - 1]
        return np.zeros((2, 2, 3), np.uint8) if good else None

    def close(self):
        pass


@pytest.fixture
def recording(monkeypatch):
    """Return a class whose attributes say what the video is like."""
    kind = type("Recording", (Recording,), {})
    monkeypatch.setattr(inputs, "Video", kind)
    return kind


VIDEO = inputs.Source("a.mp4", "video")


def test_frames_have_the_numbers_and_stamps_of_the_video(recording):
    frames = list(read(VIDEO))
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    assert [frame.timestamp for frame in frames] == [0.0, 0.1, 0.2, 0.3]
    assert [frame.image is not None for frame in frames] == list(recording.good)
    assert frames[2].error == "frame cannot be decoded"
    later = [(frame.index, frame.timestamp) for frame in read(VIDEO, start=2)]
    assert later == [(2, 0.2), (3, 0.3)]


def test_where_the_container_has_no_stamps_the_rate_gives_them(recording):
    recording.stamps = (0.0, 0.0, 0.0, 0.0)
    stamps = [frame.timestamp for frame in read(VIDEO)]
    np.testing.assert_allclose(stamps, [0.0, 0.05, 0.1, 0.15])


def test_stamps_never_go_back(recording):
    recording.stamps, recording.rate = (0.0, 0.3, 0.1, 0.4), 0.0
    assert [frame.timestamp for frame in read(VIDEO)] == [0.0, 0.3, 0.3, 0.4]


@pytest.mark.parametrize(("stated", "cut"), [(4, False), (6, False), (7, True)])
def test_a_video_that_ends_early_says_so(recording, stated, cut):
    """Up to 2 frames may lack: counts are estimated from the duration."""
    recording.num_frames, recording.stamps = stated, (0.0, 0.05, 0.1, 0.15)
    *_, last = read(VIDEO)
    assert (last.error == "the video ends after 0.15 of 0.35 seconds") == cut
    assert last.index == (4 if cut else 3)
    assert bool(list(read(VIDEO, start=4))) == cut
    assert not list(read(VIDEO, start=5))


def write_matroska(path, stamps, duration, sound=False):
    """Write grey JPEGs that are shown at these milliseconds, at a stated rate of 30.

    A track of sound has a block for each of the first three, and one at the end.
    """

    def element(number, content):
        if isinstance(content, int):
            content = content.to_bytes(8, "big")
        size = (1 << 56 | len(content)).to_bytes(8, "big")
        return bytes.fromhex(number) + size + content

    jpeg = cv2.imencode(".jpg", np.full((32, 32, 3), 90, np.uint8))[1].tobytes()
    size = element("b0", 32) + element("ba", 32)
    track = element("d7", 1) + element("73c5", 1) + element("83", 1)
    track += element("86", b"V_MJPEG") + element("23e383", 33_333_333)
    info = element("2ad7b1", 1_000_000) + element("4489", struct.pack(">d", duration))
    tracks = element("ae", track + element("e0", size))
    frames = [element("a3", struct.pack(">BhB", 0x81, t, 0x80) + jpeg) for t in stamps]
    if sound:
        track = element("d7", 2) + element("73c5", 2) + element("83", 2)
        rate = element("b5", struct.pack(">d", 8000.0)) + element("9f", 1)
        track += element("86", b"A_PCM/INT/LIT")
        tracks += element("ae", track + element("e1", rate + element("6264", 16)))
        for index, at in [*enumerate(stamps[:3]), (-1, round(duration) - 20)]:
            block = struct.pack(">BhB", 0x82, at, 0x80) + bytes(320)
            frames.insert(index % (len(frames) + 1), element("a3", block))
    path.write_bytes(
        element("1a45dfa3", element("4282", b"matroska"))
        + element(
            "18538067",
            element("1549a966", info)
            + element("1654ae6b", tracks)
            + element("1f43b675", element("e7", 0) + b"".join(frames)),
        )
    )


def indices(path):
    return [(f.index, f.error) for f in read(Source(str(path), "video"))]


def test_a_whole_video_of_a_variable_rate_is_not_cut(tmp_path):
    stamps = np.cumsum([0] + [500, 20, 20] * 10).tolist()
    write_matroska(tmp_path / "a.mkv", stamps, stamps[-1] + 20.0)
    assert Video(tmp_path / "a.mkv").num_frames > 100  # OpenCV's estimate
    assert indices(tmp_path / "a.mkv") == [(index, "") for index in range(31)]
    whole = (tmp_path / "a.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) // 2])
    *frames, (last, error) = indices(tmp_path / "cut.mkv")
    assert 10 < last == len(frames) < 20
    assert error.startswith("the video ends after 2.")
    assert " of 5.4" in error


@pytest.mark.parametrize(("frames", "cut"), [(28, False), (27, True)])
def test_frames_that_a_constant_rate_lacks_are_noticed(tmp_path, frames, cut):
    """An estimated number may be off by two."""
    stamps = [round(index * 100 / 3) for index in range(frames)]
    write_matroska(tmp_path / "a.mkv", stamps, 1000.0)
    assert any(error for _, error in indices(tmp_path / "a.mkv")) == cut


@pytest.mark.parametrize("start", [0.0, 2.0])
def test_a_trimmed_video_is_whole(tmp_path, start):
    """Its edit list shows 20 of the 40 frames that the file holds."""
    path = write_grey(tmp_path / "a.mp4", 40, 10.0)
    trim(path, start, 2.0)
    assert Video(path).num_frames == 40
    frames = list(read(Source(str(path), "video")))
    assert [(f.index, f.error) for f in frames] == [(index, "") for index in range(20)]
    stamps = [frame.timestamp for frame in frames]
    np.testing.assert_allclose(stamps, np.arange(20) / 10, atol=1e-6)


@pytest.mark.parametrize(("shown", "cut"), [(0.25, False), (0.3, True)])
def test_a_trimmed_video_may_be_cut_all_the_same(recording, monkeypatch, shown, cut):
    recording.num_frames, recording.stamps = 7, (0.0, 0.05, 0.1, 0.15)
    monkeypatch.setattr(inputs, "shown_seconds", lambda file: shown)
    *_, last = read(VIDEO)
    assert (last.error == "the video ends after 0.15 of 0.30 seconds") == cut


def test_sound_may_go_on_after_the_last_picture(tmp_path):
    """The duration is then that of the sound; only a file that lacks bytes is cut."""
    stamps = [round(index * 100 / 3) for index in range(30)]
    write_matroska(tmp_path / "a.mkv", stamps, 1500.0, sound=True)
    assert Video(tmp_path / "a.mkv").num_frames == 45
    assert indices(tmp_path / "a.mkv") == [(index, "") for index in range(30)]
    whole = (tmp_path / "a.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) // 2])
    *_, (_, error) = indices(tmp_path / "cut.mkv")
    assert error.endswith(" of 1.50 seconds")
    write_matroska(tmp_path / "silent.mkv", stamps, 1500.0)
    *_, (_, error) = indices(tmp_path / "silent.mkv")
    assert error == "the video ends after 0.97 of 1.50 seconds"
