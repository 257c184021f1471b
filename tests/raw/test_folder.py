"""Expected: the labels of each tree's table and the names of its files."""

import unicodedata

import cv2
import numpy as np
import pytest

from au_jax.errors import UserError
from au_jax.preparation.image_reader import ImageReader
from au_jax.raw import folder
from au_jax.raw.row import Reject, Row
from tests.raw_trees import write_picture


@pytest.fixture
def raw(tmp_path):
    for i in range(6):
        write_picture(tmp_path / "raw" / "some faces" / f"{i}.png", i)
    return tmp_path / "raw"


def write(raw, text, encoding="utf-8"):
    (raw / "labels.csv").write_bytes(text.encode(encoding))


def rows(raw):
    return {item.path: item for item in folder.read(raw, 0) if isinstance(item, Row)}


def rejects(raw):
    items = folder.read(raw, 0)
    return {item.path: item.reason for item in items if isinstance(item, Reject)}


GOOD = """AU12,path,split,subject,AU 1
1,some faces/0.png,train,anna,0
0,some faces/1.png,train,anna,1
,some faces/2.png,val,bob,9
-1,some faces/3.png,test,carl,1
1,some faces/4.png,test,carl,999
0,some faces/5.png,test,carl,0
"""


@pytest.mark.parametrize(
    ("change", "encoding"),
    [
        (lambda text: text, "utf-8"),
        (lambda text: text, "utf-8-sig"),
        (lambda text: text.replace("\n", "\r\n"), "utf-8"),
        (lambda text: text.replace(",", ";"), "utf-8"),
        (lambda text: text.replace(",", "\t"), "utf-8"),
        (lambda text: text.replace("/", "\\"), "utf-8"),
        (lambda text: text.replace("AU12", '"AU 12"') + "\n\n", "utf-8"),
    ],
)
def test_columns_are_read_by_their_names(raw, change, encoding):
    write(raw, change(GOOD), encoding)
    actual = rows(raw)
    assert rejects(raw) == {}
    assert [actual[f"some faces/{i}.png"].aus for i in range(6)] == [
        {12: True, 1: False}, {12: False, 1: True}, {}, {1: True}, {12: True},
        {12: False, 1: False},
    ]  # fmt: skip
    assert actual["some faces/2.png"].split == "val"
    assert actual["some faces/3.png"].subject == "carl"


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("file,AU1", "has no column path"),
        ("path,AU1,AU01", "has AU 1 twice"),
        ("path,subject,AU1,subject", "column subject twice"),
        ("path,subjects,AU1,AU4", "'subjects' would not be read; name it subject"),
        ("path,Subject_ID,AU1,AU4", "'subject_id' would not be read"),
        ("path,AU1,Splits,AU4", "'splits' would not be read; name it split"),
        ("path,AU1,AU12_c,AU4", "column 'AU12_c' names no AU; name it like AU12"),
        ("path,AU 100,AU1,AU4", "column 'AU 100' names no AU"),
    ],
)
def test_unusable_headers(raw, header, message):
    write(raw, header + "\nsome faces/0.png,1,0,1\n")
    with pytest.raises(UserError, match=f"labels.csv: .*{message}"):
        list(folder.read(raw, 0))


def test_unusable_rows(raw):
    lines = (
        "path,AU1\n../secret.png,1\n/etc/face.png,1\nhttp://a.example/b.png,1\n,1\n"
        "some faces/0.png,2\nsome faces/1.png\nsome faces/2.png,1,1\n"
        "some faces/3.png,1\nsome faces/3.png,0\n"
        "some faces/4.png,1\nsome faces/4.png,1\nsome faces/9.png,1\n"
    )
    write(raw, lines)
    (raw / "notes.txt").write_text("")
    assert {path: row.aus for path, row in rows(raw).items()} == {
        "some faces/4.png": {1: True}
    }
    assert rejects(raw) == {
        "../secret.png": "bad_label",
        "/etc/face.png": "bad_label",
        "http:/a.example/b.png": "bad_label",
        "labels.csv line 5": "bad_label",
        "some faces/0.png": "bad_label",
        "some faces/1.png": "bad_label",
        "some faces/2.png": "bad_label",
        "some faces/3.png": "duplicate_label",  # its first row is a bad_label
        "some faces/4.png": "duplicate_label",
        "some faces/9.png": "no_image",
        "some faces/5.png": "no_label",
        "notes.txt": "not_image",
    }


def test_people_stay_in_one_split(raw):
    names = [f"p{i % 3}" for i in range(6)]
    write(raw, "path,subject,AU1\n" + "".join(
        f"some faces/{i}.png,{name},1\n" for i, name in enumerate(names)
    ))  # fmt: skip
    actual = rows(raw).values()
    assert {row.split for row in actual} == {"train", "val", "test"}
    assert len({(row.subject, row.split) for row in actual}) == 3


def test_no_table_means_no_labels(raw):
    assert all(not row.aus for row in rows(raw).values())
    assert len(rows(raw)) == 6


def test_pictures_without_a_subject_are_split_at_random():
    from au_jax.raw.splits import by_name

    names = [by_name(f"{i}.png", 0) for i in range(20_000)]
    shares = [names.count(split) / len(names) for split in ("train", "val", "test")]
    np.testing.assert_allclose(shares, [0.7, 0.1, 0.2], atol=0.01)


def test_names_with_accents_in_either_form(raw):
    composed = unicodedata.normalize("NFC", "Jürgen ß.png")
    write_picture(raw / unicodedata.normalize("NFD", composed))
    write(raw, f"path,AU1\n{composed},1\n")
    assert [row.aus for row in rows(raw).values()] == [{1: True}]


def test_linked_pictures_are_read(raw, tmp_path):
    write_picture(tmp_path / "elsewhere" / "a.png")
    (raw / "link").symlink_to(tmp_path / "elsewhere")
    write(raw, "path,AU1\nlink/a.png,1\n")
    assert rows(raw)["link/a.png"].aus == {1: True}


def test_several_tables(raw):
    write(raw, GOOD)
    (raw / "more.csv").write_text(GOOD)
    with pytest.raises(UserError, match=r"several tables \(labels.csv, more.csv\)"):
        list(folder.read(raw, 0))


def write_video(file, frames=4):
    codec = cv2.VideoWriter.fourcc(*"MJPG")
    video = cv2.VideoWriter(str(file), codec, 25, (64, 48))
    for frame in range(1, frames + 1):
        video.write(np.full((48, 64, 3), 50 * frame, np.uint8))
    video.release()


def test_frames_of_videos_in_the_table(tmp_path):
    for name in ("a b.avi", "other.avi", "unused.avi"):
        write_video(tmp_path / name)
    (tmp_path / "table.csv").write_text(
        "path,frame,AU1,subject\na b.avi,3,1,anna\na b.avi,1,0,anna\n"
        "other.avi,,1,bob\nother.avi,2,1,bob\na b.avi,3,1,anna\n"
        "other.avi,4,1,bob\nother.avi,4,0,bob\n"
    )
    actual = rows(tmp_path)
    assert {path: row.aus for path, row in actual.items()} == {
        "a b.avi#0003": {1: True},
        "a b.avi#0001": {1: False},
        "other.avi#0002": {1: True},
    }
    row = actual["a b.avi#0003"]
    assert (row.video, row.frame, row.subject) == ("a b.avi", 3, "anna")
    shown = [
        round(ImageReader(tmp_path).read(row).mean() / 50) for row in actual.values()
    ]
    assert shown == [3, 1, 2]
    items = [item for item in folder.read(tmp_path, 0) if isinstance(item, Reject)]
    assert sorted((item.path, item.reason) for item in items) == [
        ("a b.avi#0003", "duplicate_label"),
        ("other.avi", "bad_label"),  # no frame is given
        ("other.avi#0004", "bad_label"),  # with two labels
        ("other.avi#0004", "duplicate_label"),
        ("unused.avi", "no_label"),
    ]


def test_videos_without_a_table(tmp_path):
    write_video(tmp_path / "one.avi")
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    actual = rows(tmp_path)
    assert list(actual) == [f"one.avi#{frame:04d}" for frame in range(1, 5)]
    assert len({row.split for row in actual.values()}) == 1
    assert rejects(tmp_path) == {"bad.mp4": "unreadable"}


@pytest.mark.parametrize("stated", [3, 0, -1])
def test_frames_beyond_the_stated_number_are_read(tmp_path, monkeypatch, stated):
    """As in an MPEG program stream, whose number is estimated from its duration."""
    write_video(tmp_path / "one.avi")
    monkeypatch.setattr(folder.Video, "num_frames", stated)
    assert list(rows(tmp_path)) == [f"one.avi#{frame:04d}" for frame in range(1, 5)]


def test_a_video_that_states_endless_frames_is_one_reason(raw, monkeypatch):
    (raw / "clip.avi").write_bytes(b"x")

    class Endless:
        num_frames = 10**12

        def __init__(self, path):
            assert path == raw / "clip.avi"

        def close(self):
            pass

    monkeypatch.setattr(folder, "Video", Endless)
    assert rejects(raw)["clip.avi"] == "unreadable"
