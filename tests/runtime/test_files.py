"""Expected: the complete new file, or the unchanged old one."""

import os

import pytest

from au_jax.errors import UserError
from au_jax.runtime import files


@pytest.mark.parametrize("data", ["ä\n", b"\xff\r\n"])
def test_text_and_bytes_are_written(tmp_path, data):
    path = tmp_path / "file"
    files.write_whole(path, "old")
    files.write_whole(path, data)
    expected = data.encode() if isinstance(data, str) else data
    assert path.read_bytes() == expected
    assert os.listdir(tmp_path) == ["file"]


def test_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "best.json"
    path.write_text("old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(UserError, match=r"best\.json: No space left on device"):
        files.write_whole(path, "new")
    assert os.listdir(tmp_path) == ["best.json"]
    assert path.read_text() == "old"


def test_exception_in_the_block_leaves_the_old_file(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_text("old")

    def write():
        with files.replacing(path) as part:
            assert part.suffix == ".mp4"  # codecs are chosen by it
            part.write_text("half of the new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert os.listdir(tmp_path) == ["clip.mp4"]
    assert path.read_text() == "old"


def test_two_processes_do_not_write_into_one_temporary_file(tmp_path, monkeypatch):
    path = tmp_path / "chunk.npz"
    with files.replacing(path, shared=True) as ours:
        monkeypatch.setattr(files.os, "getpid", lambda: -1)
        with files.replacing(path, shared=True) as theirs:
            assert ours != theirs
            theirs.write_text("theirs")
        ours.write_text("ours")
    assert path.read_text() == "ours"


def test_folder_that_does_not_exist(tmp_path):
    with pytest.raises(UserError, match=r"cannot write .*x: No such file or directory"):
        files.write_whole(tmp_path / "absent" / "x", "")
