"""Expected: every picture in a folder is listed, readable or not; names are checked."""

import os

import pytest

from au_jax.errors import UserError
from au_jax.prediction.inputs import expand, read


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
