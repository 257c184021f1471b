"""Tables as OpenFace writes them. Expected: its columns and units, by hand."""

import csv
import math

import pytest

from au_jax.prediction import openface, rows

AUS = (1, 12)


def table_of(tmp_path, *given: dict[str, str]):
    """Write a table of faces that lie at 0, without intensities, unless given."""
    file = tmp_path / "aus.csv"
    usual = {name: "0" for name in rows.columns(AUS)}
    usual |= {"AU01_r": "", "AU12_r": "", "status": "ok"}
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, usual)
        writer.writeheader()
        writer.writerows(usual | row for row in given)
    return file


def read(file):
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_units_are_those_of_openface(tmp_path):
    row = {"file": "a.mp4", "frame": "7", "pose_yaw": "90", "AU01": "0.3"}
    row |= {"AU01_r": "2.5", "AU12": "0.3", "AU12_c": "1", "confidence": "1"}
    openface.write(table_of(tmp_path, row), tmp_path / "out", AUS)
    (line,) = read(tmp_path / "out" / "a.csv")
    assert line["frame"] == "8"  # counted from 1
    assert float(line["pose_Ry"]) == pytest.approx(math.pi / 2, abs=1e-4)
    assert line["AU01_r"] == "2.5000"
    assert line["AU12_r"] == "1.5000"  # 5 times the probability
    assert (line["AU01_c"], line["AU12_c"]) == ("0", "1")
    assert float(line["confidence"]) == pytest.approx(0.98, abs=0.003)


def test_a_frame_without_a_face_is_a_line_of_zeros(tmp_path):
    empty = {name: "" for name in rows.columns(AUS)[3:]}
    empty |= {"file": "a.mp4", "frame": "1", "status": "no_face"}
    openface.write(table_of(tmp_path, {"file": "a.mp4"}, empty), tmp_path / "out", AUS)
    face, none = read(tmp_path / "out" / "a.csv")
    assert (face["success"], none["success"]) == ("1", "0")
    assert none["frame"] == "2"
    assert {v for k, v in none.items() if k not in ("frame", "timestamp")} == {"0"}


def test_inputs_of_one_name_have_a_file_each(tmp_path):
    names = [{"file": f"{folder}/a.mp4", "AU01": f"0.{folder}"} for folder in "123"]
    openface.write(table_of(tmp_path, *names), tmp_path / "out", AUS)
    for number, name in enumerate(("a", "a_2", "a_3"), start=1):
        (line,) = read(tmp_path / "out" / f"{name}.csv")
        assert float(line["AU01_r"]) == pytest.approx(number / 2)


def test_a_number_does_not_make_the_name_of_another_input(tmp_path):
    files = ["1/a.mp4", "2/a.mp4", "3/a_2.mp4"]
    table = table_of(tmp_path, *({"file": f, "AU01": f"0.{f[0]}"} for f in files))
    openface.write(table, tmp_path / "out", AUS)
    for number, name in enumerate(("a", "a_3", "a_2"), start=1):
        (line,) = read(tmp_path / "out" / f"{name}.csv")
        assert float(line["AU01_r"]) == pytest.approx(number / 2)
    openface.remove(table, tmp_path / "out")
    assert not (tmp_path / "out").exists()
