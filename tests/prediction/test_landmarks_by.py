"""The landmarks that predictions start from.

Expected: the method of the data that a model was trained on, which a flag overrides,
and the numbers that a file states.
"""

import dataclasses
import json

import cv2
import numpy as np
import pytest

from au_jax import Detector
from au_jax.errors import UserError
from au_jax.model_file import card as cards
from au_jax.model_file import from_run
from au_jax.prediction import rows, run
from au_jax.prediction.inputs import Source, expand
from au_jax.raw.landmark_file import open_landmarks
from au_jax.workdir import start_log
from tests.prediction.models import small_model

LINE = ",".join(["a.jpg", *map(str, range(98))]) + "\n"
"""49 points on a line, which no check forbids."""


def with_method(model, method):
    card = json.loads(json.dumps(model.card))
    card["alignment"].pop("landmarks_by", None)
    if method:
        card["alignment"]["landmarks_by"] = method
    return dataclasses.replace(model, card=card)


def test_the_model_says_how_landmarks_are_found():
    model = small_model()
    assert Detector(with_method(model, "au_jax")).landmarks_by == "au_jax"
    older = with_method(model, None)
    assert Detector(older).landmarks_by == "dlib68"
    assert Detector(older, landmarks_by="au_jax").landmarks_by == "au_jax"


def test_an_unknown_method_is_refused():
    card = with_method(small_model(), "openface").card
    with pytest.raises(UserError, match="landmarks by 'openface'"):
        cards.check(card, "m.aujax")


@pytest.mark.parametrize(
    ("origins", "expected"),
    [
        ({"source": "dlib68", "target": "au_jax"}, "au_jax"),
        ({"source": "dlib68", "target": "rendering"}, "dlib68"),
        ({"source": "rendering", "target": "rendering"}, "au_jax"),
        ({"source": "file", "target": "file"}, "au_jax"),
        ({}, "dlib68"),
    ],
)
def test_a_run_remembers_the_landmarks_of_its_data(tmp_path, origins, expected):
    if origins:
        start_log.record(tmp_path, origins)
    assert from_run.landmarks_by(tmp_path) == expected


def test_a_damaged_log_of_starts_says_nothing(tmp_path):
    start_log.record(tmp_path, {"source": "au_jax"})
    log = tmp_path / start_log.FILE
    log.write_text(log.read_text() + '{"landmarks_by": 3}\n[]\nnonsense\n')
    assert start_log.landmarks_by(tmp_path) == {"source": "au_jax"}


def test_known_landmarks_need_no_search(photographs, tmp_path):
    detector = Detector(small_model())
    [found] = detector([_read(photographs[0])])[0]
    file = tmp_path / "points.csv"
    numbers = ",".join(map(str, found.face.landmarks.ravel().tolist()))
    file.write_text(f"{photographs[0].name},{numbers}\n")
    options = run.SearchOptions(known=open_landmarks(file, 0))
    sources = expand([str(p) for p in photographs[:2]])
    out = tmp_path / "out"
    run.predict(detector, sources, out, options)
    first, second = [line.split(",") for line in _lines(out / rows.TABLE)]
    header = rows.columns(detector.model.aus)
    x = [float(first[header.index(f"x_{i}")]) for i in range(49)]
    np.testing.assert_allclose(x, found.face.landmarks[:, 0], atol=0.006)
    assert "no_face" in second
    file.write_text(file.read_text().replace("1", "2", 1))
    with pytest.raises(UserError, match="results of other landmarks"):
        run.predict(detector, sources, out, options)


def test_known_landmarks_are_of_pictures(tmp_path):
    file = tmp_path / "points.csv"
    file.write_text(LINE)
    options = run.SearchOptions(known=open_landmarks(file, 0))
    run.check_known([Source("a.jpg", "image")], options)
    with pytest.raises(UserError, match=r"b\.mp4 is a video"):
        run.check_known([Source("b.mp4", "video")], options)
    whole = dataclasses.replace(options, whole=True)
    with pytest.raises(UserError, match="leave out --landmarks_by"):
        run.check_known([], whole)


def test_what_a_file_cannot_be_used_for_is_said_before_the_first_picture(tmp_path):
    file = tmp_path / "points.csv"
    file.write_text(LINE + "b.jpg" + ",5" * 98 + "\n")
    options = run.SearchOptions(known=open_landmarks(file, 0))
    sources = [Source(name, "image") for name in ("a.jpg", "c.jpg", "b.jpg")]
    run.check_known(sources[:2], options)
    with pytest.raises(UserError, match=r"b\.jpg: .*not those of a face"):
        run.check_known(sources, options)
    with pytest.raises(
        UserError, match=r"names none .* has a\.jpg, .* first is c\.jpg"
    ):
        run.check_known(sources[1:2], options)


def test_a_line_is_of_one_picture(tmp_path):
    file = tmp_path / "points.csv"
    file.write_text(LINE)
    sources = [Source(name, "image") for name in ("1/a.jpg", "2/a.jpg")]
    options = run.SearchOptions(known=open_landmarks(file, 0))
    run.check_known(sources[:1], options)
    with pytest.raises(UserError, match=r"a\.jpg may be 1/a\.jpg or 2/a\.jpg"):
        run.check_known(sources, options)
    file.write_text(LINE.replace("a.jpg", "1/a.jpg") + LINE.replace("a.jpg", "2/a.jpg"))
    run.check_known(sources, run.SearchOptions(known=open_landmarks(file, 0)))


def test_points_outside_a_picture_end_the_run_which_can_begin_anew(tmp_path):
    """Expected: the folder of a run that wrote no row is free for another one."""
    picture = tmp_path / "a.png"
    cv2.imwrite(str(picture), np.full((40, 60, 3), 128, np.uint8))
    file, out = tmp_path / "points.csv", tmp_path / "out"
    file.write_text(LINE.replace("a.jpg", "a.png"))
    detector, sources = Detector(small_model()), expand([str(picture)])
    with pytest.raises(UserError, match=r"a\.png: .* in a picture of 60 x 40"):
        run.predict(
            detector, sources, out, run.SearchOptions(known=open_landmarks(file, 0))
        )
    summary = run.predict(detector, sources, out, run.SearchOptions())
    assert summary.rows == {"no_face": 1}


def _read(path):
    from au_jax.media.images import read_image

    return read_image(path)


def _lines(file):
    return file.read_text().splitlines()[1:]
