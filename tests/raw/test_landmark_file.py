"""Expected: the written numbers, in dlib's order of the 68 points."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from au_jax.errors import UserError
from au_jax.raw.landmark_file import (
    LandmarkFile,
    attach,
    landmarks_by,
    open_landmarks,
    points_of,
)
from au_jax.raw.row import Reject, Row
from tests.mistakes import attempt

POINTS = np.arange(136, dtype=np.float32).reshape(68, 2) + 0.5
KEPT = POINTS[[*range(17, 60), 61, 62, 63, 65, 66, 67]]
PATH = "some faces/a b.jpg"


def attached(file, base=0, path=PATH):
    (item, *rest) = attach([Row(path, "train")], open_landmarks(file, base))
    assert not rest
    if isinstance(item, Reject):
        return item
    return np.frombuffer(item.landmarks, np.float32).reshape(49, 2)


def rejected(file) -> str:
    (reject,) = attach([Row(PATH, "train")], open_landmarks(file, 0))
    assert isinstance(reject, Reject)
    return reject.reason


def line(points, separator):
    return separator.join([PATH, *(str(v) for v in points.ravel())])


@pytest.mark.parametrize("separator", [" ", ",", "\t", ";", ", "])
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_lines_without_a_header(tmp_path, separator, end):
    file = tmp_path / "land.txt"
    file.write_bytes((line(POINTS, separator) + end).encode("utf-8-sig"))
    np.testing.assert_array_equal(attached(file), KEPT)


@pytest.mark.parametrize("points", [KEPT, np.delete(POINTS, [60, 64], axis=0)])
def test_other_numbers_of_points_and_base(tmp_path, points):
    file = tmp_path / "land.csv"
    file.write_text(line(points, ",") + "\n")
    np.testing.assert_array_equal(attached(file, base=1), KEPT - 1)


@pytest.mark.parametrize("first", [0, 1])
def test_columns_are_found_by_name(tmp_path, first):
    """As OpenFace orders them: all x, then all y."""
    numbers = range(first, first + 68)
    header = ["n", *(f"x_{n}" for n in numbers), *(f"y_{n}" for n in numbers), "path"]
    cells = ["7", *map(str, POINTS[:, 0]), *map(str, POINTS[:, 1]), PATH]
    file = tmp_path / "land.csv"
    file.write_text(",".join(header) + "\n" + ",".join(cells) + "\n")
    np.testing.assert_array_equal(attached(file), KEPT)


def test_unusable_lines(tmp_path):
    file = tmp_path / "land.txt"
    other = line(POINTS + 1, " ")
    file.write_text(line(POINTS, " ") + "\n" + other + "\n")
    assert rejected(file) == "bad_landmarks"
    file.write_text(line(POINTS[:50], " ") + "\n")
    items = attach([Row(PATH, "train")], open_landmarks(file, 0))
    assert {item.reason for item in items if isinstance(item, Reject)} == {
        "no_landmarks",
        "no_image",
    }
    wide = POINTS.astype(np.float64)
    for points in (wide * np.nan, wide + 1e30, wide * 1e300, wide * 0 + 5):
        file.write_text(line(points, " ") + "\n")
        assert rejected(file) == "bad_landmarks"


def test_pictures_without_a_line_and_lines_without_a_picture(tmp_path):
    file = tmp_path / "land.txt"
    file.write_text(line(POINTS, " ") + "\n")
    items = attach([Row("other.jpg", "train")], open_landmarks(file, 0))
    assert [(item.path, item.reason) for item in items if isinstance(item, Reject)] == [
        ("other.jpg", "no_landmarks"), (PATH, "no_image")
    ]  # fmt: skip


def test_unusable_files(tmp_path):
    with pytest.raises(UserError, match="No such file"):
        open_landmarks(tmp_path / "absent", 0)
    (tmp_path / "empty").write_text("")
    with pytest.raises(UserError, match="no line like PATH"):
        open_landmarks(tmp_path / "empty", 0)
    (tmp_path / "short.csv").write_text("path,x1,y1,x2,y2\na.jpg,1,2,3,4\n")
    with pytest.raises(UserError, match="49, 66 or 68"):
        open_landmarks(tmp_path / "short.csv", 0)
    (tmp_path / "wide.txt").write_bytes(line(POINTS, " ").encode("utf-16"))
    with pytest.raises(UserError, match="not text in UTF-8"):
        open_landmarks(tmp_path / "wide.txt", 0)


@pytest.mark.parametrize(
    "data",
    [b"a.jpg 1 2\rb.jpg 1 2\r", b"a.jpg " + b"1 " * 100_000],
    ids=["CR only", "one endless line"],
)
def test_lines_without_an_end_are_one_line(tmp_path, data):
    (tmp_path / "land.txt").write_bytes(data)
    with pytest.raises(UserError, match="its lines do not end in LF"):
        open_landmarks(tmp_path / "land.txt", 0)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.binary(max_size=40)
        | st.just(line(POINTS, " ").encode())
        | st.just(line(POINTS[:49], ",").encode() + b",x"),
        max_size=6,
    ).map(b"\n".join)
)
def test_any_content_gives_points_or_a_reason(tmp_path_factory, content):
    file = tmp_path_factory.mktemp("any") / "land.txt"
    file.write_bytes(content)
    known, message = attempt(open_landmarks, file, 0)
    if message:
        return
    items = list(attach([Row(PATH, "train")], known))
    assert [item.path for item in items].count(PATH) == 1
    for item in items:
        assert isinstance(item, Reject) or len(item.landmarks) == 49 * 2 * 4


def test_a_picture_is_found_by_the_end_of_its_path(tmp_path):
    file = tmp_path / "land.txt"
    file.write_text(line(POINTS, ",") + "\n")
    known = open_landmarks(file, base=1)
    for path in (PATH, f"/data/{PATH}", f"C:\\data\\{PATH}"):
        np.testing.assert_array_equal(points_of(known, path), KEPT - 1)
    for path in ("some faces/b.jpg", "b.jpg", "other/a b.jpg"):
        assert points_of(known, path) is None


def test_a_line_without_points_is_one_line_of_error(tmp_path):
    file = tmp_path / "land.txt"
    file.write_text(f"{PATH},1,2\n")
    with pytest.raises(UserError, match=r"land\.txt: some faces.*2 numbers instead of"):
        points_of(open_landmarks(file, 0), PATH)


def test_the_flag_names_a_method_or_a_file(tmp_path):
    assert landmarks_by("au_jax", None) == "au_jax"
    assert landmarks_by("dlib68", None) == "dlib68"
    assert landmarks_by(None, None) is None
    for text in ("dlib68", None):
        with pytest.raises(UserError, match="goes with --landmarks_by=FILE"):
            landmarks_by(text, "1")
    file = tmp_path / "land.txt"
    file.write_text(line(POINTS, ",") + "\n")
    known = landmarks_by(str(file), "1")
    assert isinstance(known, LandmarkFile)
    assert known.base == 1
    with pytest.raises(UserError, match="give au_jax, dlib68, or a file"):
        landmarks_by("dlib", None)
