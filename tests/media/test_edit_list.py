"""Expected: the duration that was written into the edit list of OpenCV's own file."""

import math
import struct

import pytest

from au_jax.media.edit_list import shown_seconds
from tests.trimmed import trim, write_grey


@pytest.fixture
def whole(tmp_path):
    """Return a clip of four seconds."""
    return write_grey(tmp_path / "a.mp4", 40, 10.0)


def test_the_edit_list_says_how_long_a_video_is_shown(whole):
    assert shown_seconds(whole) == pytest.approx(4)
    trim(whole, 1.0, 2.5)
    assert shown_seconds(whole) == pytest.approx(2.5)


def test_a_delay_is_not_shown(whole):
    trim(whole, None, 2.5)
    assert shown_seconds(whole) == math.inf


def test_large_boxes_are_read(tmp_path, whole):
    data = whole.read_bytes()
    at = data.index(b"mdat")
    (size,) = struct.unpack(">I", data[at - 4 : at])
    large = struct.pack(">I4sQ", 1, b"mdat", size + 8)
    whole.write_bytes(data[: at - 4] + large + data[at + 4 :])
    assert shown_seconds(whole) == pytest.approx(4)


@pytest.mark.parametrize("name", ["mvhd", "hdlr", "elst", "edts", "trak", "moov"])
def test_a_file_without_one_says_nothing(whole, name):
    data = whole.read_bytes()
    assert name.encode() in data
    whole.write_bytes(data.replace(name.encode(), b"free"))
    assert shown_seconds(whole) == math.inf
    whole.write_bytes(data[: data.index(name.encode()) + 6])
    assert shown_seconds(whole) == math.inf


@pytest.mark.parametrize("content", [b"", b"moov", bytes(40), b"\0\0\0\7moov" * 9])
def test_other_files_say_nothing(tmp_path, content):
    (tmp_path / "a.mp4").write_bytes(content)
    assert shown_seconds(tmp_path / "a.mp4") == math.inf
    assert shown_seconds(tmp_path / "none.mp4") == math.inf
