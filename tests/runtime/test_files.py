"""Expected: the complete new file, or the unchanged old one."""

import os
import socket
from pathlib import Path

import pytest

from au_jax.errors import UserError
from au_jax.runtime import files

FULL = "cannot write .*{}: No space left on device; make room, then run the same"


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
    with pytest.raises(UserError, match=FULL.format(r"best\.json")):
        files.write_whole(path, "new")
    assert os.listdir(tmp_path) == ["best.json"]
    assert path.read_text() == "old"


def test_a_table_that_the_disk_has_no_room_for_is_named(tmp_path):
    path = tmp_path / "aus.csv"
    path.write_bytes(b"1\n")
    files.append(path, b"2\n")
    assert path.read_bytes() == b"1\n2\n"
    with pytest.raises(UserError, match=FULL.format("/dev/full")):
        files.append(Path("/dev/full"), b"3\n")


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


def irregular(tmp_path: Path) -> dict[str, Path]:
    """Return, by kind, paths that are not regular files or cannot be opened."""
    pipe, link, server = (tmp_path / name for name in ("pipe", "link", "socket"))
    os.mkfifo(pipe)
    link.symlink_to(link)
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(server))
    return {
        "a pipe": pipe,
        "a device": Path("/dev/zero"),
        "a folder": tmp_path,
        "Too many levels": link,
        "No such device": server,
        "No such file": tmp_path / "absent",
    }


@pytest.mark.timeout(20)
def test_only_regular_files_are_opened_and_pipes_never_block(tmp_path):
    for said, path in irregular(tmp_path).items():
        match = said if said[0].isupper() else "not a regular file"
        with pytest.raises(OSError, match=match):
            files.open_regular(path)
        with pytest.raises(OSError, match=match):
            files.read_regular(path, 100)


def test_file_above_the_limit_is_not_read(tmp_path):
    sparse = tmp_path / "sparse"
    with sparse.open("wb") as file:
        file.truncate(40 * 10**9)
    with pytest.raises(OSError, match="40,000 MB, and at most 2 MB are read"):
        files.read_regular(sparse, 2 * 10**6)
    sparse.write_bytes(b"12345")
    assert files.read_regular(sparse, 5) == b"12345"


def test_devices_pipes_and_folders_are_not_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for path in (Path("/dev/null"), tmp_path / "folder", tmp_path / "pipe"):
        before = path.stat()
        with pytest.raises(UserError, match=f"cannot write {path}: it is not a reg"):
            files.write_whole(path, "text")
        assert path.stat().st_ino == before.st_ino
    assert sorted(os.listdir(tmp_path)) == ["folder", "pipe"]


def test_lock_is_held_by_one_program(tmp_path):
    folder = tmp_path / "new" / "run"
    with files.locked(folder, "training in RUN"):
        with (
            pytest.raises(UserError, match="another program is training in RUN"),
            files.locked(folder, "training in RUN"),
        ):
            pass
        with files.locked(folder, "evaluating", ".eval.lock"):
            pass
    with files.locked(folder, "training in RUN"):
        pass


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path, monkeypatch):
    """As one whose size was still below the limit when it was opened."""
    file = tmp_path / "log"
    file.write_bytes(b"123456")
    monkeypatch.setattr(files, "open_regular", lambda path, limit: path.open("rb"))
    with pytest.raises(OSError, match="it grows while it is read"):
        files.read_regular(file, 5)
