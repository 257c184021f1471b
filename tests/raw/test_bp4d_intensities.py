"""Expected: the layouts that the release documents (AU_INT, no header, 9 = unknown)."""

import shutil

import pytest

from au_jax.raw import bp4d
from au_jax.raw.row import Reject, Row
from tests.raw_trees import write_bp4d


def split_up(raw):
    items = list(bp4d.read(raw, 0))
    assert items == list(bp4d.read(raw, 0))
    stated = {i.path: dict(i.intensities) for i in items if isinstance(i, Row)}
    return stated, [item for item in items if isinstance(item, Reject)]


def write(raw, folder, name, lines):
    file = raw / folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"\r\n".join(line.encode() for line in lines) + b"\r\n")


@pytest.mark.parametrize(
    "folder",
    [
        "AUCoding/AU_INT",
        "AUCoding/AU-Intensity-Codes3.0",
        "AU-Intensity-Codes3.0",
        "BP4D-training/AUCoding/AU_INT",
    ],
)
def test_every_layout(tmp_path, folder):
    raw = write_bp4d(tmp_path)
    write(raw, f"{folder}/AU06", "F001_T1_AU06.csv", ["7,0", "8,9", "9,5"])
    write(raw, f"{folder}/AU12", "F001_T1_AU12.csv", ["7,2", "8,3", "9,9", "99,4"])
    stated, rejects = split_up(raw)
    assert not rejects
    assert stated.pop("F001/T1/0007.jpg") == {6: 0, 12: 2}
    assert stated.pop("F001/T1/0008.jpg") == {12: 3}
    assert stated.pop("F001/T1/0009.jpg") == {6: 5}
    assert len(stated) == 6
    assert not any(stated.values())


def test_a_release_without_the_folder_of_occurrences(tmp_path):
    raw = write_bp4d(tmp_path)
    for file in (raw / "AUCoding" / "AU_OCC").iterdir():
        file.rename(raw / "AUCoding" / file.name)
    (raw / "AUCoding" / "AU_OCC").rmdir()
    write(raw, "AUCoding/AU_INT/AU12", "M001_T1_AU12.csv", ["9,1"])
    stated, rejects = split_up(raw)
    assert not rejects
    assert stated["M001/T1/0009.jpg"] == {12: 1}


def test_videos_have_intensities_too(tmp_path):
    raw = write_bp4d(tmp_path)
    shutil.rmtree(raw / "F001")
    (raw / "F001_T1.mp4").write_bytes(b"")
    write(raw, "AUCoding/AU_INT/AU12", "F001_T1_AU12.csv", ["7,2"])
    stated, _ = split_up(raw)
    assert stated["F001_T1.mp4#0007"] == {12: 2}
    assert stated["F001_T1.mp4#0008"] == {}


def test_intensities_of_a_sequence_that_is_not_there_are_named(tmp_path):
    raw = write_bp4d(tmp_path)
    folder, name = "AUCoding/AU_INT/AU12", "F077_T1_AU12.csv"
    write(raw, folder, name, ["7,2"])
    stated, (reject,) = split_up(raw)
    assert not any(stated.values())
    assert (reject.path, reject.reason) == (f"{folder}/{name}", "no_image")


def test_faults_are_named_and_cost_no_frame(tmp_path):
    raw = write_bp4d(tmp_path)
    lines = ["7,6", "8,1", "8,2", "x", "9,3"]
    write(raw, "AUCoding/AU_INT/AU12", "F001_T1_AU12.csv", lines)
    write(raw, "AUCoding/AU_INT/AU12", "notes.txt", ["7,1"])
    write(raw, "AUCoding/AU_INT/AU14", "F001_T1_AU14.csv", [])
    (raw / "AUCoding/AU_INT/AU14/F001_T1_AU14.csv").write_bytes(b"")
    write(raw, "AU-Intensity-Codes3.0/AU12", "F001_T1_AU12.csv", ["7,1"])
    stated, rejects = split_up(raw)
    assert len(stated) == 9
    assert {frame: found for frame, found in stated.items() if found} == {
        "F001/T1/0009.jpg": {12: 3}
    }
    au_12 = "AUCoding/AU_INT/AU12/F001_T1_AU12.csv"
    assert {(r.path, r.reason, r.detail) for r in rejects} == {
        (au_12, "bad_label", f"{au_12} line 1: intensity '6' is not 0 to 5"),
        (au_12, "bad_label", f"{au_12} line 3: frame 8 is repeated, differing"),
        (au_12, "bad_label", f"{au_12} line 4: 'x' is not frame,intensity"),
        (
            "AUCoding/AU_INT/AU12/notes.txt",
            "bad_label_file",
            "not named like F001_T1_AU06.csv",
        ),
        ("AUCoding/AU_INT/AU14/F001_T1_AU14.csv", "bad_label_file", "zero bytes"),
        (
            "AU-Intensity-Codes3.0/AU12/F001_T1_AU12.csv",
            "second_label_file",
            f"not read: {au_12} states these intensities, too",
        ),
    }
