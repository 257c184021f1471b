"""DISFA, and the videos of BP4D and BP4D+. Expected: the labels of each tree."""

import cv2
import numpy as np
import pytest

from au_jax.errors import UserError
from au_jax.raw import bp4d, disfa
from au_jax.raw.row import Reject, Row
from tests.raw_trees import write_bp4d, write_table


def split_up(items):
    items = list(items)
    rows = {item.path: item for item in items if isinstance(item, Row)}
    return rows, {i.path: i.reason for i in items if isinstance(i, Reject)}


@pytest.fixture
def tree(tmp_path):
    for subject in ("SN001", "SN002", "SN003"):
        for camera in ("Left", "Right"):
            (tmp_path / f"{camera}Video{subject}_comp.avi").write_bytes(b"")
        for au, intensity in ((1, (0, 1, 2)), (12, (5, 0, 3))):
            file = tmp_path / "ActionUnit_Labels" / subject / f"{subject}_au{au}.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            lines = [f"{frame},{n}" for frame, n in enumerate(intensity, 1)]
            file.write_text("\r\n".join(lines) + "\r\n")
    return tmp_path


@pytest.mark.parametrize(("threshold", "second"), [(2, False), (1, True)])
def test_disfa(tree, threshold, second):
    rows, rejects = split_up(disfa.read(tree, 0, threshold))
    assert rejects == {}
    assert len(rows) == 9
    assert {row.split for row in rows.values()} == {"train", "val", "test"}
    row = rows["LeftVideoSN002_comp.avi#0002"]
    assert (row.aus, row.frame, row.subject) == ({1: second, 12: False}, 2, "SN002")
    assert row.video == "LeftVideoSN002_comp.avi"
    assert rows["LeftVideoSN002_comp.avi#0001"].aus == {1: False, 12: True}


def test_disfa_with_faults(tree):
    labels = tree / "ActionUnit_Labels"
    (labels / "SN001" / "SN001_au1.txt").write_text("1,0\n2,9\n3,1\n3,2\nx\n")
    (labels / "SN001" / "SN001_au12.txt").write_text("1,1\n4,5\n")
    (labels / "SN001" / "SN001_au2.txt").write_bytes(b"")
    (tree / "LeftVideoSN002_comp.avi").unlink()
    for camera in ("Left", "Right"):
        (tree / f"{camera}VideoSN003_comp.avi").unlink()
    rows, rejects = split_up(disfa.read(tree, 0))
    assert rejects == {
        "ActionUnit_Labels/SN001/SN001_au1.txt": "bad_label",
        "ActionUnit_Labels/SN001/SN001_au2.txt": "bad_label_file",
        "LeftVideoSN001_comp.avi#0002": "bad_label",
        "LeftVideoSN001_comp.avi#0003": "bad_label",
        "SN003": "no_image",
    }
    assert {p: r.aus for p, r in rows.items() if r.subject == "SN001"} == {
        "LeftVideoSN001_comp.avi#0001": {1: False, 12: False},
        "LeftVideoSN001_comp.avi#0004": {12: True},
    }
    assert "RightVideoSN002_comp.avi#0001" in rows


def test_no_video_of_disfa_is_left_out_in_silence(tree):
    again = "copies/LeftVideoSN001_comp.mp4"
    (tree / "copies").mkdir()
    for name in (again, "LeftVideoSN002_comp (1).avi", "LeftVideoSN002.mov"):
        (tree / name).write_bytes(b"")
    rows, rejects = split_up(disfa.read(tree, 0))
    assert rejects == {
        again: "duplicate_image",
        "LeftVideoSN002_comp (1).avi": "bad_name",
        "LeftVideoSN002.mov": "bad_name",
    }
    assert {row.video for row in rows.values()} == {
        f"LeftVideoSN00{n}_comp.avi" for n in (1, 2, 3)
    }


def test_no_disfa(tmp_path):
    with pytest.raises(UserError, match=r"no label file like SN001_au1.txt"):
        list(disfa.read(tmp_path, 0))


@pytest.mark.parametrize(
    ("video", "sequence"),
    [("2F01_05.avi", None), ("2F01_03.avi", "F001_T2"), ("F001_T2.mp4", "F001_T2")],
)
def test_videos_of_bp4d(tmp_path, video, sequence):
    """The suffixes of BP4D's videos are not its tasks: _03 is T2, _05 is none."""
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / video).write_bytes(b"")
    (tmp_path / "videos" / "2F01_01.avi").write_bytes(b"")  # T1
    for task in ("T1", "T2"):
        rows = [["frame", "1", "4"], [3, 1, 9], [4, 0, 1]]
        write_table(tmp_path / "AUCoding" / "AU_OCC" / f"F001_{task}.csv", rows)
    rows, rejects = split_up(bp4d.read(tmp_path, 0))
    assert rows["videos/2F01_01.avi#0003"].aus == {1: True}
    if sequence is None:
        assert rejects[f"videos/{video}"] == "bad_name"
        assert len(rows) == 2
    else:
        row = rows[f"videos/{video}#0004"]
        assert row.aus == {1: False, 4: True}
        assert (row.subject, row.task, row.frame) == ("F001", "T2", 4)


def test_a_video_of_bp4d_may_lie_in_the_folder_of_its_task(tmp_path):
    raw = write_bp4d(tmp_path, frames=(1, 2))
    for subject in ("F001", "F002"):
        folder = raw / subject / "T1"
        (folder / f"{subject}_T1.mp4").write_bytes(b"")
        for picture in folder.glob("*.jpg") if subject == "F001" else ():
            picture.unlink()
    (raw / "M001" / "T1" / "film.avi").write_bytes(b"")
    items = list(bp4d.read(raw, 0))
    rows, rejects = split_up(items)
    assert [p for p in rows if rows[p].subject == "F001"] == [
        "F001/T1/F001_T1.mp4#0001",
        "F001/T1/F001_T1.mp4#0002",
    ]
    assert rejects == {
        "F002/T1/F002_T1.mp4": "duplicate_image",  # its pictures are there
        "M001/T1/film.avi": "bad_name",
    }
    assert len(items) == len(rows) + len(rejects)  # each file is named once


def test_the_kth_label_goes_to_the_kth_frame(tmp_path):
    from au_jax.preparation.image_reader import ImageReader

    file = str(tmp_path / "F001_T1.avi")
    video = cv2.VideoWriter(file, cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 48))
    for frame in range(1, 11):
        video.write(np.full((48, 64, 3), 20 * frame, np.uint8))
    video.release()
    codes = [[frame, frame % 2] for frame in range(4, 11)]
    write_table(tmp_path / "AUCoding" / "F001_T1.csv", [["frame", "1"], *codes])
    rows, _ = split_up(bp4d.read(tmp_path, 0))
    reader = ImageReader(tmp_path)
    assert len(rows) == 7
    for row in rows.values():
        shown = round(reader.read(row).mean() / 20)
        assert (shown, shown % 2 == 1) == (row.frame, row.aus[1])
