"""Expected: the whole new file, or the whole old one."""

import pytest

from au_jax.errors import UserError
from au_jax.runtime import files


def test_text_and_bytes(tmp_path):
    path = tmp_path / "file"
    for data in ("ä\n", b"\xff\r\n"):
        files.write_whole(path, data)
        wanted = data.encode() if isinstance(data, str) else data
        assert path.read_bytes() == wanted
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "best.json"
    path.write_text("old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(UserError, match=r"best\.json: No space left on device"):
        files.write_whole(path, "new")
    assert [p.name for p in tmp_path.iterdir()] == ["best.json"]
    assert path.read_text() == "old"
