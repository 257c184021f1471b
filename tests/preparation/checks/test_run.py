"""Expected: the faults that each test puts into the data set."""

import json
import re
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from au_jax.data.split import FaceSplit
from au_jax.errors import UserError
from au_jax.preparation import writer as records
from au_jax.preparation.checks import report_page, run
from au_jax.preparation.checks.statistics import landmark_faults
from au_jax.preparation.chunks import encode
from au_jax.raw.row import Row
from tests.mistakes import attempt
from tests.raw_trees import FACE, picture

AUS = (1, 12)


def write(folder, rows, name="faces_lab"):
    """Write a data set of (split, subject, picture's seed, AU 1, landmarks)."""
    target = folder / name / "1.0.0"
    target.mkdir(parents=True)
    writer = records.Writer(target, name, AUS, "file", {})
    for i, (split, subject, seed, au, landmarks) in enumerate(rows):
        row = Row(f"{i}.jpg", split, subject, "T1", i, {1: au})
        jpeg = encode(picture(seed, 200, 200))
        writer.add({split: [records.example(row, jpeg, landmarks, AUS)]})
    writer.close()
    return folder


def good(splits=("train", "val", "test"), images=24):
    return [
        (split, f"{split}-{i % 2}", 100 * s + i, i % 2 == 0, FACE)
        for s, split in enumerate(splits)
        for i in range(images)
    ]


KEYS = ("read", "kept", "rejected", "splits", "train", "images", "aus", "1")


@pytest.fixture(scope="module")
def good_set(tmp_path_factory):
    return write(tmp_path_factory.mktemp("good"), good()) / "faces_lab"


def test_a_good_set(tmp_path, capsys):
    folder = write(tmp_path, good())
    assert run.check(folder) == 0
    printed = capsys.readouterr().out
    assert "train: 24 images of 2 subjects" in printed
    assert re.search(r"AU 1 +12 / 24 +12 / 24 +12 / 24\n", printed)
    assert "error" not in printed
    assert "train: no label for AU 12" in printed


def test_a_set_without_subjects_has_none(tmp_path, capsys):
    rows = [(split, "", *rest) for split, _, *rest in good()]
    assert run.check(write(tmp_path, rows)) == 0
    printed = capsys.readouterr().out
    assert "train: 24 images\n" in printed


@pytest.mark.parametrize(
    ("reject", "warning"),
    [
        (
            "F001_T1.csv,bad_label_file,no header",
            "warning: 1 label files cannot be read\n    F001_T1.csv: no header",
        ),
        (
            "a.avi#0018,lost_frames,the video ends",
            "warning: 1 labelled frames are missing in damaged videos; where frames are"
            " lost before the end of a video, labels are shifted: get a whole copy\n"
            "    a.avi#0018: the video ends",
        ),
    ],
)
def test_files_that_cannot_be_read_are_named(tmp_path, capsys, reject, warning):
    folder = write(tmp_path, good())
    place = folder / "faces_lab" / "1.0.0"
    rejected = ["path,reason,detail", reject]
    (place / "rejected.csv").write_text("\n".join(rejected) + "\n")
    stored = {
        split: {
            "images": 24,
            "subjects": 2,
            "aus": {
                "1": {"known": 24, "active": 12},
                "12": {"known": 0, "active": 0},
            },
        }
        for split in ("train", "val", "test")
    }
    report = {
        "read": 73,
        "kept": 72,
        "rejected": {reject.split(",")[1]: 1},
        "splits": stored,
    }
    (place / "counts.json").write_text(json.dumps(report))
    assert run.check(folder) == 0
    assert warning in capsys.readouterr().out


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (("val", "train-0", 999, True, FACE), "1 subjects are in more than one split"),
        (("test", "test-0", 0, True, FACE), "several splits contain the same pixels"),
    ],
)
def test_leaks_are_errors(tmp_path, capsys, extra, message):
    assert run.check(write(tmp_path, [*good(), extra])) == 1
    assert re.search(f"error: .*{message}", capsys.readouterr().out)


def test_contradicting_copies_are_named(tmp_path, capsys):
    rows = [*good(), ("train", "train-0", 0, False, FACE)]
    assert run.check(write(tmp_path, rows)) == 0
    printed = capsys.readouterr().out
    assert "with different labels" in printed
    assert "0.jpg (train) = 72.jpg (train)" in printed


def test_no_training_split(tmp_path, capsys):
    assert run.check(write(tmp_path, good(("val", "test")))) == 1
    assert "there is no split train" in capsys.readouterr().out


def test_labels_that_never_change(tmp_path, capsys):
    rows = [(s, p, seed, s != "train", f) for s, p, seed, _, f in good()]
    assert run.check(write(tmp_path, rows)) == 1
    assert "train: every label is inactive" in capsys.readouterr().out


def mirrored():
    return np.stack([199 - FACE[:, 0], FACE[:, 1]], axis=-1)


@pytest.mark.parametrize(
    ("landmarks", "fault"),
    [
        (FACE + 100, "outside"),
        (100 + (FACE - 100) * 0.2, "eyes nearer"),
        (mirrored(), "mirrored"),
        (199 - FACE, "mirrored"),  # as alignment turns mirrored ones
        (FACE * np.nan, "not finite"),
    ],
)
def test_implausible_landmarks(tmp_path, capsys, landmarks, fault):
    assert landmark_faults(FACE) == []
    assert any(fault in actual for actual in landmark_faults(landmarks))
    rows = [
        (s, p, seed, a, landmarks.astype(np.float32)) for s, p, seed, a, _ in good()
    ]
    assert run.check(write(tmp_path, rows)) == 1
    assert re.search(
        rf"train: 24 images \(100.0%\) have .*{fault}", capsys.readouterr().out
    )


def test_counts_that_do_not_agree(tmp_path, capsys):
    folder = write(tmp_path, good())
    wrong = {"images": 25, "subjects": 2, "aus": {}}
    counts = {"read": 99, "kept": 73, "rejected": {}, "splits": {"train": wrong}}
    (folder / "faces_lab" / "1.0.0" / "counts.json").write_text(json.dumps(counts))
    assert run.check(folder) == 1
    assert "counts.json says {'train': 25}" in capsys.readouterr().out


def test_damaged_records(tmp_path, capsys):
    folder = write(tmp_path, good())
    file = next((folder / "faces_lab" / "1.0.0").glob("*train*"))
    data = bytearray(file.read_bytes())
    data[len(data) // 3 : len(data) // 2] = bytes(len(data) // 2 - len(data) // 3)
    file.write_bytes(data)
    assert run.check(folder) == 1
    assert "records are damaged" in capsys.readouterr().out


def test_records_that_are_damaged_alike_are_no_copies(tmp_path, capsys, monkeypatch):
    """Expected: what the check says of good splits, and the damage of each."""
    folder = write(tmp_path, good())
    read = FaceSplit.record

    def record(self, index):
        if index == 0:
            raise UserError(f"record 0 of split {self.parts[0].split} is damaged")
        return read(self, index)

    monkeypatch.setattr(FaceSplit, "record", record)
    assert run.check(folder) == 1
    printed = capsys.readouterr().out
    for split in ("train", "val", "test"):
        assert f"record 0 of split {split} is damaged" in printed
    assert "contain the same pixels" not in printed


def test_nothing_to_check(tmp_path):
    with pytest.raises(UserError, match="no prepared data set"):
        run.check(tmp_path)


@pytest.mark.parametrize(
    ("name", "faces", "banner"),
    [
        ("faces_lab", None, ""),
        ("bp4d", None, "left out on purpose"),
        ("bp4d", "blur", "blurred on purpose"),
    ],
)
def test_the_page_loads_nothing_and_hides_licensed_faces(tmp_path, name, faces, banner):
    folder = write(tmp_path, good(), name)
    (folder / name / "1.0.0" / "rejected.csv").write_text(
        "path,reason,detail\n<script>.jpg,no_face,no face found\n"
    )
    assert run.check(folder, faces=faces) == 0
    page = (folder / name / "1.0.0" / "report.html").read_text()
    assert banner in page
    assert ('class="banner"' in page) == bool(banner)
    assert not re.search(r"<script|(?:src|href)=\"(?!data:)|url\(|@import", page)
    assert "&lt;script&gt;.jpg" in page
    assert (
        len(re.findall("<img ", page)) == len(re.findall('<img alt="[^"]', page)) == 72
    )


@pytest.mark.parametrize(("raw_set", "banner"), [("bp4d", True), ("faces_lab", False)])
def test_the_raw_set_decides_not_the_name(tmp_path, capsys, raw_set, banner):
    folder = write(tmp_path, good(), raw_set)
    (folder / raw_set).rename(folder / "mine")
    assert run.check(folder) == 0
    printed = capsys.readouterr().out
    assert f"(faces: {'none' if banner else 'show'})" in printed
    assert "split: not known\n" in printed
    page = (folder / "mine" / "1.0.0" / "report.html").read_text()
    assert ('class="banner"' in page) == banner
    assert f"Raw set: {raw_set}." in page


def test_images_of_each_subject_are_a_folded_table(tmp_path, monkeypatch):
    folder = write(tmp_path, good())
    run.check(folder)
    file = folder / "faces_lab" / "1.0.0" / "report.html"
    page = file.read_text()
    assert "<details><summary>Images of each subject</summary>" in page
    row = '<tr><th scope="row">train-1</th><td>12</td><td>0</td><td>0</td></tr>'
    assert row in page
    monkeypatch.setattr(report_page, "SUBJECTS", 2)
    run.check(folder)
    assert "4 more subjects are not shown." in file.read_text()
    rows = [(split, "", *rest) for split, _, *rest in good()]
    run.check(write(tmp_path / "nobody", rows))
    page = (tmp_path / "nobody" / "faces_lab" / "1.0.0" / "report.html").read_text()
    assert "Images of each subject" not in page


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda x: st.lists(x) | st.dictionaries(st.sampled_from(KEYS), x),
    max_leaves=6,
)


@settings(max_examples=40, deadline=None)
@given(
    st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=60) | st.text('path,reson\n"\x00', max_size=60).map(str.encode),
)
def test_any_counts_and_rejects_are_shown_or_one_line(
    good_set, tmp_path_factory, counts, rejects
):
    folder = tmp_path_factory.mktemp("damaged")
    shutil.copytree(good_set, folder / "faces_lab")
    version = folder / "faces_lab" / "1.0.0"
    (version / "counts.json").write_bytes(counts)
    (version / "rejected.csv").write_bytes(rejects)
    code, message = attempt(run.check, folder)
    assert "damaged" in message if message else code in (0, 1)
