"""Answers relative to a baseline. Expected: logits that differ by the baseline's."""

import csv
import dataclasses
import json

import cv2
import numpy as np
import pytest

from au_jax.errors import UserError
from au_jax.model_file import card as cards
from au_jax.model_file.file import Model
from au_jax.prediction import baseline, rows, run
from au_jax.prediction.baseline import Levels
from au_jax.prediction.detector import Detector
from au_jax.prediction.inputs import Source, expand
from tests.prediction.models import small_model
from tests.rendered import CLIPS, write_clip

AUS = (1, 12)
LEVELS = Levels(
    AUS,
    np.array([0.5, 0.2]),
    np.array([0.1, 0.02]),
    lambda p: np.array([2 * p[0], np.nan]),
)


def write_table(path, answers, status="ok"):
    """Write a table of one clip with the answers of each frame by face."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows.columns(AUS))
        writer.writeheader()
        for face, frames in answers.items():
            for frame, values in enumerate(frames):
                cells = {
                    f"AU{au:02d}": f"{p:.6f}" for au, p in zip(AUS, values, strict=True)
                }
                where = {"file": "a.mp4", "frame": frame, "face_id": face}
                writer.writerow({**where, **cells, "status": status})
        writer.writerow({"file": "a.mp4", "frame": 99, "status": "no_face"})
    return path


def read_table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def logit(p):
    return np.log(p / (1 - p))


ANSWERS = {
    "0": np.array([[0.3, 0.1], [0.4, 0.2], [0.9, 0.3]]),
    "1": np.array([[0.7, 0.5], [0.6, 0.6], [0.5, 0.7]]),
}


def test_intensities_follow_the_new_answers(tmp_path):
    table = write_table(tmp_path / "aus.csv", ANSWERS)
    out = baseline.write(table, tmp_path, baseline.parse("median"), LEVELS)
    for row in read_table(out)[:-1]:
        assert float(row["AU01_r"]) == pytest.approx(2 * float(row["AU01"]), abs=1e-3)
        assert row["AU12_r"] == ""


def test_a_face_at_its_median_gets_the_usual_answer(tmp_path):
    table = write_table(tmp_path / "aus.csv", ANSWERS)
    out = baseline.write(table, tmp_path, baseline.parse("median"), LEVELS)
    found = read_table(out)
    assert [row["status"] for row in found] == ["ok"] * 6 + ["no_face"]
    for number, answers in ANSWERS.items():
        mine = [row for row in found if row["face_id"] == number]
        p = np.array([[float(row[f"AU{au:02d}"]) for au in AUS] for row in mine])
        level = np.median(answers, axis=0)
        expected = logit(answers) - logit(level) + logit(LEVELS.usual)
        np.testing.assert_allclose(logit(p), expected, atol=1e-3)
        decisions = [[row[f"AU{au:02d}_c"] == "1" for au in AUS] for row in mine]
        np.testing.assert_array_equal(decisions, p >= LEVELS.thresholds)
    levels = json.loads((tmp_path / baseline.LEVELS).read_text())
    assert levels["baseline"] == "median"
    assert [face["AU01"] for face in levels["level of each face"]] == [0.4, 0.6]


def test_frames_name_the_neutral_ones_and_a_face_without_them_has_its_median(
    tmp_path, caplog
):
    table = write_table(tmp_path / "aus.csv", ANSWERS)
    baseline.write(table, tmp_path, baseline.parse("frames:1-2"), LEVELS)
    levels = json.loads((tmp_path / baseline.LEVELS).read_text())
    found = [face["AU01"] for face in levels["level of each face"]]
    np.testing.assert_allclose(found, [0.65, 0.55], atol=1e-5)
    baseline.write(table, tmp_path, baseline.parse("frames:50-60"), LEVELS)
    levels = json.loads((tmp_path / baseline.LEVELS).read_text())
    assert [face["AU01"] for face in levels["level of each face"]] == [0.4, 0.6]
    assert "face 1 is not found in frames:50-60" in caplog.text


def test_a_table_of_neutral_pictures_is_everyones_baseline(tmp_path):
    neutral = write_table(tmp_path / "neutral.csv", {"0": np.array([[0.2, 0.3]])})
    table = write_table(tmp_path / "aus.csv", ANSWERS)
    baseline.write(table, tmp_path, baseline.parse(str(neutral)), LEVELS)
    levels = json.loads((tmp_path / baseline.LEVELS).read_text())
    for face in levels["level of each face"]:
        assert (face["AU01"], face["AU12"]) == (0.2, 0.3)


@pytest.mark.parametrize("in_table", [False, True])
def test_doubtful_faces_do_not_count_beside_sure_ones(tmp_path, in_table):
    """Whether the level is that of the clip itself, or of a table of neutral ones."""
    sure = write_table(tmp_path / "sure.csv", {"0": np.full((1, 2), 0.2)})
    doubtful = {"0": np.full((5, 2), 0.8)}
    more = write_table(tmp_path / "more.csv", doubtful, status="low_confidence")
    with sure.open("a") as file:
        file.writelines(more.read_text().splitlines(keepends=True)[1:])
    table = write_table(tmp_path / "aus.csv", ANSWERS) if in_table else sure
    method = baseline.parse(str(sure) if in_table else "median")
    baseline.write(table, tmp_path, method, LEVELS)
    levels = json.loads((tmp_path / baseline.LEVELS).read_text())
    assert {face["AU01"] for face in levels["level of each face"]} == {0.2}


def test_a_spreadsheet_may_have_saved_that_table(tmp_path):
    """As Excel does in countries with decimal commas: semicolons and UTF-16."""
    neutral = tmp_path / "neutral.csv"
    neutral.write_bytes("sep=;\nAU12;AU01\n0.3;0.2\n".encode("utf-16"))
    table = write_table(tmp_path / "aus.csv", ANSWERS)
    baseline.write(table, tmp_path, baseline.parse(str(neutral)), LEVELS)
    levels = json.loads((tmp_path / baseline.LEVELS).read_text())
    for face in levels["level of each face"]:
        assert (face["AU01"], face["AU12"]) == (0.2, 0.3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("frames:5", "give the first and the last neutral frame"),
        ("frames:9-2", "give the first and the last neutral frame"),
        ("means", "there is no such file"),
    ],
)
def test_what_is_no_baseline_is_one_line(text, message):
    with pytest.raises(UserError, match=message):
        baseline.parse(text)


def test_answers_that_are_relative_already_are_no_baseline(tmp_path):
    """A run into the same folder would remove the table before it reads it."""
    write_table(tmp_path / baseline.TABLE, ANSWERS)
    with pytest.raises(UserError, match="relative to a baseline already; give the aus"):
        baseline.parse(str(tmp_path / baseline.TABLE))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n1,2\n", "has no column AU01"),
        (b"AU01,AU12,n\n,,7\n", "line 2: could not convert"),
        (b"AU01,AU12\n1\n", "line 2: 1 cells, but the header names 2"),
        (b"\xff\xfe\x00", "has no column AU01"),
        (b"status,AU01,AU12\nno_face,,\n", "has no row with the status ok"),
        (b"AU01,AU12\n7,nan\n", "line 2: not all AUs are probabilities"),
    ],
)
def test_an_unusable_table_of_neutral_faces_is_one_line(tmp_path, content, message):
    (tmp_path / "neutral.csv").write_bytes(content)
    table = write_table(tmp_path / "aus.csv", ANSWERS)
    given = baseline.parse(str(tmp_path / "neutral.csv"))
    with pytest.raises(UserError, match=message):
        baseline.check(given, [], AUS)
    with pytest.raises(UserError, match=message):
        baseline.write(table, tmp_path, given, LEVELS)
    assert not (tmp_path / baseline.TABLE).exists()


def test_pictures_have_no_other_frames():
    with pytest.raises(UserError, match="is a picture"):
        baseline.check(baseline.parse("median"), [Source("a.jpg", "image")], AUS)


def test_all_tables_but_the_first_are_relative(tmp_path):
    pytest.importorskip("dlib", reason="dlib is not installed: the extra `faces`")
    model = small_model()
    usual = {"reconstructed": {"all": [0.3, 0.3], "neutral": [0.1, 0.1]}}
    detector = Detector(Model({**model.card, "usual": usual}, model.variables))
    clip, out = tmp_path / "cut.avi", tmp_path / "out"
    write_clip(clip, [CLIPS["one_face"](index) for index in range(5)], "FFV1")
    outputs = run.Outputs(frozenset({"openface"}), baseline=baseline.parse("median"))

    def predict(outputs):
        run.write_results(
            detector, expand([str(clip)]), out, run.SearchOptions(), outputs
        )

    predict(outputs)
    raw = read_table(out / run.TABLE)
    found = read_table(out / baseline.TABLE)
    assert np.median([float(row["AU01"]) for row in found]) == pytest.approx(0.3)
    assert [row["AU01"] for row in raw] != [row["AU01"] for row in found]
    converted = read_table(out / "openface" / "cut.csv")
    for row, other in zip(found, converted, strict=True):
        assert float(other["AU01_r"]) == pytest.approx(5 * float(row["AU01"]), abs=1e-3)
    predict(dataclasses.replace(outputs, baseline=None))
    assert not (out / baseline.TABLE).exists()
    assert read_table(out / run.TABLE) == raw
    # The results made from the former table are not left beside another one.
    made_from_raw = (out / "openface" / "cut.csv").read_bytes()
    predict(run.Outputs(baseline=outputs.baseline))
    assert not (out / "openface").exists()
    predict(outputs)
    assert (out / "openface" / "cut.csv").read_bytes() != made_from_raw
    for asked in (outputs.baseline, None):
        predict(run.Outputs(report=True, baseline=asked))
        page = (out / "report.html").read_text()
        assert ("level (--baseline=median)" in page) == bool(asked)


@pytest.mark.parametrize("other", ["model", "path", "name"])
def test_neutral_answers_of_another_model_are_refused(tmp_path, other):
    """Of a table that has another name, nobody knows whose settings lie beside it."""
    model = small_model()
    usual = {"reconstructed": {"all": [0.3, 0.3], "neutral": [0.1, 0.1]}}
    detector = Detector(Model({**model.card, "usual": usual}, model.variables))
    settings = {"model": model.card["sha256"], "path": "reconstructed"}
    name = "mine.csv" if other == "name" else "aus.csv"
    neutral = write_table(tmp_path / name, ANSWERS)
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((9, 9, 3), np.uint8))

    def predict(settings):
        (tmp_path / "settings.json").write_text(json.dumps(settings))
        run.write_results(
            detector,
            expand([str(tmp_path / "a.png")]),
            tmp_path / "out",
            run.SearchOptions(whole=True),
            run.Outputs(baseline=baseline.parse(str(neutral))),
        )

    if other != "name":
        with pytest.raises(UserError, match=f"holds answers of another {other}; pred"):
            predict(settings | {other: "other"})
        assert not (tmp_path / "out").exists()
    predict(settings if other != "name" else {"model": "other", "path": "direct"})
    assert len(read_table(tmp_path / "out" / baseline.TABLE)) == 1


def test_a_model_that_does_not_say_what_is_usual_is_one_line():
    with pytest.raises(UserError, match="does not say what it usually answers"):
        Detector(small_model()).usual("all")


@pytest.mark.parametrize(
    "usual", [{"direct": [0.5]}, {"other": {}}, [], {"direct": {"all": [2, 0.1]}}]
)
def test_a_card_with_other_usual_answers_is_refused(usual):
    card = {**small_model().card, "usual": usual}
    with pytest.raises(UserError, match="its usual answers"):
        cards.check(card, "model.aujax")
