"""Expected: all rendered faces; a result does not depend on the other inputs."""

import contextlib
import csv
import dataclasses
import errno
import os
import shutil

import cv2
import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from au_jax import Detector
from au_jax.errors import UserError
from au_jax.media.images import read_image
from au_jax.prediction import openface, resume, rows, run
from au_jax.prediction.inputs import Source, expand
from au_jax.prediction.views import overlay
from tests.disk import files_up_to
from tests.mistakes import attempt
from tests.prediction.models import small_model
from tests.rendered import CLIP_FRAMES, CLIPS, NUM_FACES, write_clip


def _predict(detector, inputs, out, pause=lambda: None, **options):
    sources = expand([str(path) for path in inputs])
    summary = run.predict(detector, sources, out, run.SearchOptions(**options), pause)
    with (out / run.TABLE).open(newline="") as file:
        return summary, list(csv.DictReader(file))


def _cut(clip, path, frames):
    """Write the first frames of a clip losslessly; return them."""
    pictures = [CLIPS[clip](index) for index in range(frames)]
    write_clip(path, pictures, "FFV1")
    return pictures


def test_other_inputs_do_not_change_a_result(detector, photographs):
    pictures = [read_image(path) for path in photographs[:5]]
    together = detector(pictures)
    for picture, faces in zip(pictures, together, strict=True):
        alone = detector([picture])[0]
        assert len(faces) == len(alone) == 1
        np.testing.assert_array_equal(faces[0].probabilities, alone[0].probabilities)


def test_each_face_has_its_own_aus(detector, photographs):
    """Some tools report one face's values for all faces of a picture."""
    one, two = (read_image(path) for path in photographs[:2])
    both = np.concatenate([one, two], axis=1)
    faces = sorted(detector([both])[0], key=lambda actual: actual.face.box[0])
    assert len(faces) == 2
    left, right = (actual.probabilities for actual in faces)
    assert np.abs(left - right).max() > 1e-4
    for actual, picture in zip(faces, (one, two), strict=True):
        (alone,) = detector([picture])[0]
        shift = actual.face.landmarks - alone.face.landmarks
        assert np.ptp(shift[:, 0]) <= 4  # dlib's boxes lie on a coarse grid
    assert np.isfinite([left, right]).all()


def test_a_video_gives_what_its_pictures_give(detector, tmp_path):
    pictures = _cut("one_face", tmp_path / "cut.avi", 6)
    _, actual = _predict(detector, [tmp_path / "cut.avi"], tmp_path / "out", every=1)
    for row, faces in zip(actual, detector(pictures), strict=True):
        values = [float(row[f"AU{au:02d}"]) for au in detector.model.aus]
        np.testing.assert_allclose(values, faces[0].probabilities, atol=1e-6)
    stamps = [float(row["timestamp"]) for row in actual]
    assert stamps == [0, 0.04, 0.08, 0.12, 0.16, 0.2]


def test_an_interrupted_run_resumes(detector, photographs, clips, tmp_path):
    _cut("two_faces", tmp_path / "cut.avi", 40)
    inputs = [photographs[0], tmp_path / "cut.avi", clips["truncated"]]
    whole, expected = _predict(detector, inputs, tmp_path / "whole")
    chunks = 0

    def pause():
        nonlocal chunks
        chunks += 1
        if chunks == 3:
            raise KeyboardInterrupt

    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        _predict(detector, inputs, out, pause)
    table = out / run.TABLE
    assert 1 < table.read_bytes().count(b"\n") < len(expected)
    with table.open(
        "ab"
    ) as file:  # as if killed between writing the table and its position
        file.write(b"half a li")
    summary, actual = _predict(detector, inputs, out)
    assert actual == expected
    assert summary.rows == whole.rows
    assert _predict(detector, inputs, out)[0].frames == 0
    with pytest.raises(UserError, match="other options"):
        _predict(detector, inputs, out, every=7)
    with pytest.raises(UserError, match="other inputs"):
        _predict(detector, inputs[:1], out)


def test_every_input_has_its_rows(detector, photographs, clips, tmp_path):
    folder = tmp_path / "in" / "deep"
    folder.mkdir(parents=True)
    shutil.copy(photographs[0], folder / "face.JPG")
    (folder / "empty.png").touch()
    (folder / "text.jpg").write_text("no picture")
    (folder / "notes.txt").write_text("not an input")
    cv2.imwrite(str(folder / "plain.png"), np.full((200, 200, 3), 90, np.uint8))
    shutil.copy(clips["truncated"], folder)
    summary, actual = _predict(detector, [tmp_path / "in"], tmp_path / "out")
    assert {row["file"].rpartition("/")[2]: row["status"] for row in actual} == {
        "empty.png": "decode_error",
        "face.JPG": "ok",
        "plain.png": "no_face",
        "text.jpg": "decode_error",
        "truncated.mp4": "decode_error",
    }
    assert not summary.all_ok
    assert list(actual[0]) == rows.columns(detector.model.aus)


@pytest.mark.parametrize("clip", ["one_face", "two_faces", "face_leaves"])
def test_faces_of_clips(detector, clips, tmp_path, clip):
    _, actual = _predict(detector, [clips[clip]], tmp_path)
    wrong = 0
    for frame in range(CLIP_FRAMES):
        seen = [r for r in actual if r["frame"] == str(frame)]
        wrong += len([r for r in seen if r["face_id"]]) != NUM_FACES[clip](frame)
    assert wrong <= 4  # a face half out of the picture
    assert {r["face_id"] for r in actual} - {""} <= {"0", "1"}


def test_a_folder_whose_name_is_no_utf8_gets_parquet(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    (folder / run.TABLE).write_bytes(rows.to_text([rows.columns([1])]))
    rows.write_formats(folder / run.TABLE, folder, [1], frozenset(["parquet"]))
    with (folder / rows.PARQUET).open("rb") as written:
        assert parquet.read_schema(written).names == rows.columns([1])


def test_other_tables(detector, photographs, clips, tmp_path):
    pandas = pytest.importorskip("pyarrow.csv", reason="pyarrow is not installed")
    from pyarrow import parquet

    inputs = [photographs[0], clips["no_face"]]
    _, actual = _predict(detector, inputs, tmp_path)
    aus, table = detector.model.aus, tmp_path / run.TABLE
    rows.write_parquet(table, tmp_path / "aus.parquet", aus)
    columnar = parquet.read_table(tmp_path / "aus.parquet").to_pydict()
    assert columnar["status"] == [row["status"] for row in actual]
    assert columnar["frame"] == [int(row["frame"]) for row in actual]
    assert columnar["AU01"][0] == pytest.approx(float(actual[0]["AU01"]))
    assert columnar["AU01"][1] is None
    openface.write(table, tmp_path / "openface", aus)
    # As scripts read OpenFace 2's tables: by name, and only frames with success.
    name = photographs[0].stem
    read = pandas.read_csv(tmp_path / "openface" / f"{name}.csv").to_pydict()
    assert read["frame"] == [1]
    assert read["success"] == [1]
    assert 0.5 < read["confidence"][0] <= 1
    assert read["AU12_r"][0] == pytest.approx(5 * float(actual[0]["AU12"]), abs=1e-3)
    assert read["AU12_c"][0] == int(actual[0]["AU12_c"])
    assert read["x_30"][0] == float(actual[0]["x_13"])  # 30 of 68: the tip of the nose
    yaw = np.radians(float(actual[0]["pose_yaw"]))
    assert read["pose_Ry"][0] == pytest.approx(yaw, abs=1e-4)
    empty = pandas.read_csv(tmp_path / "openface" / "no_face.csv").to_pydict()
    assert set(empty["success"]) == {0}


def test_whole_pictures_need_no_dlib(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "dlib", None)
    detector = Detector(small_model(), path="direct")
    noise = np.random.default_rng(0).integers(0, 256, (90, 80, 3), np.uint8)
    ((face,),) = detector([noise], whole=True)
    assert face.face.box == (0, 0, 79, 89)
    assert (
        face.probabilities.shape == face.decisions.shape == (len(detector.model.aus),)
    )
    with pytest.raises(UserError, match=r"uint8 array.*give \[picture\]"):
        detector(noise)


def test_inputs_that_do_not_exist(tmp_path):
    (tmp_path / "folder").mkdir()
    for name, message in (
        ("absent.jpg", "no such"),
        ("*.tiff", "no file"),
        ("folder", "no picture"),
    ):
        with pytest.raises(UserError, match=message):
            expand([str(tmp_path / name)])
    (tmp_path / "a.jpg").touch()
    twice = expand([str(tmp_path), str(tmp_path / "*.jpg")])
    assert twice == [Source(str(tmp_path / "a.jpg"), "image")]


def test_a_camera_is_recorded_until_it_is_interrupted(detector, tmp_path, monkeypatch):
    _cut("one_face", tmp_path / "cut.avi", 8)
    opened = cv2.VideoCapture
    camera = lambda _: opened(str(tmp_path / "cut.avi"))
    frames = 0

    def pause():
        nonlocal frames
        frames += 1
        if frames == 5:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cv2, "VideoCapture", camera)
        summary, actual = _predict(detector, ["0"], tmp_path / "out", pause)
    assert summary.frames == len(actual) == 5
    assert [row["file"] for row in actual] == ["0"] * 5
    assert min(summary.seconds.detection, summary.seconds.landmarks) > 0
    # The recording is complete: the same call does not open the camera again.
    assert _predict(detector, ["0"], tmp_path / "out")[1] == actual


def test_a_camera_is_the_only_input(tmp_path):
    (tmp_path / "a.jpg").touch()
    with pytest.raises(UserError, match="camera 0 has no end"):
        expand(["0", str(tmp_path / "a.jpg")])
    with pytest.raises(UserError, match="camera 0 has no end"):
        expand(["0", "1"])


@pytest.mark.parametrize("out", ["results", "."])
def test_results_among_the_inputs_resume_after_ctrl_c(tmp_path, out, monkeypatch):
    """The overlays written before Ctrl-C do not become inputs."""
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / name), np.full((64, 64, 3), 90, np.uint8))
    detector, options = (
        Detector(small_model(), path="direct"),
        run.SearchOptions(whole=True),
    )

    def write():
        sources = expand([str(tmp_path)], tmp_path / out)
        outputs = run.Outputs(overlay=True)
        run.write_results(detector, sources, tmp_path / out, options, outputs)

    annotate, drawn = overlay.annotate, []

    def interrupted(*arguments):
        drawn.append(arguments)
        if len(drawn) == 2:
            raise KeyboardInterrupt
        return annotate(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(overlay, "annotate", interrupted)
        with pytest.raises(KeyboardInterrupt):
            write()
    files = [path.name for path in (tmp_path / out / "overlay").glob("*.jpg")]
    assert files == ["0000_a.jpg"]
    write()
    files = [path.name for path in (tmp_path / out / "overlay").glob("*.jpg")]
    assert sorted(files) == ["0000_a.jpg", "0001_b.jpg"]


@pytest.mark.parametrize("full", ["settings.json", "model.json", "progress.json"])
def test_a_disk_that_is_full_at_the_start_costs_nothing(tmp_path, full, monkeypatch):
    """Expected: one line; with room, the same call gives an undisturbed run's table."""
    cv2.imwrite(str(tmp_path / "a.png"), np.full((64, 64, 3), 90, np.uint8))
    detector = Detector(small_model(), path="direct")
    write_whole = resume.write_whole

    def refusing(path, data):
        with files_up_to(10) if path.name == full else contextlib.nullcontext():
            write_whole(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(resume, "write_whole", refusing)
        with pytest.raises(UserError, match=f"cannot write .*{full}"):
            _predict(detector, [tmp_path / "a.png"], tmp_path / "out", whole=True)
    for out in ("out", "fresh"):
        _predict(detector, [tmp_path / "a.png"], tmp_path / out, whole=True)
    tables = [(tmp_path / out / run.TABLE).read_bytes() for out in ("out", "fresh")]
    assert tables[0] == tables[1]


def test_answers_that_are_not_finite_are_no_results(tmp_path):
    """A model file with such weights is refused; a model in memory is not."""
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    model = small_model()
    huge = jax.tree.map(lambda x: np.float32(1e30) * x, model.variables)
    detector = Detector(dataclasses.replace(model, variables=huge), path="direct")
    with pytest.raises(UserError, match="its weights are damaged"):
        _predict(detector, [tmp_path / "a.png"], tmp_path / "out", whole=True)
    assert (tmp_path / "out" / run.TABLE).read_bytes().count(b"\n") == 1


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory):
    """Return a detector, a picture, the folder of its results, and the files there."""
    folder = tmp_path_factory.mktemp("run")
    cv2.imwrite(str(folder / "a.png"), np.full((64, 64, 3), 90, np.uint8))
    detector = Detector(small_model(), path="direct")
    _predict(detector, [folder / "a.png"], folder / "out", whole=True)
    files = {p.name: p.read_bytes() for p in (folder / "out").iterdir()}
    return detector, folder / "a.png", folder / "out", files


@pytest.mark.parametrize("name", ["progress.json", "settings.json", run.TABLE])
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_damaged_file_of_a_run_is_one_line(name, data, finished_run):
    """Expected: the message, and that the damaged file stays as it is."""
    detector, picture, out, files = finished_run
    for file, content in files.items():
        (out / file).write_bytes(content)
    whole = files[name]
    at = data.draw(st.integers(0, len(whole) - 1))
    new = data.draw(st.binary(max_size=3).filter(lambda b: b != whole[at : at + 1]))
    damaged = whole[:at] + new + whole[at + 1 :]
    (out / name).write_bytes(damaged)
    options = run.SearchOptions(whole=True)
    _, message = attempt(run.predict, detector, expand([str(picture)]), out, options)
    if message:
        assert "is damaged" in message or "results of other" in message
        assert (out / name).read_bytes() == damaged
    else:  # a blank in the JSON
        assert (out / run.TABLE).read_bytes().count(b"\n") == 2


@pytest.mark.parametrize(("door", "name"), [("open", run.TABLE), ("read", "settings")])
def test_results_that_may_not_be_read_are_not_damaged(
    door, name, finished_run, monkeypatch
):
    """Expected: no word of removing them, as of results that an owner protects."""
    detector, picture, out, files = finished_run
    for file, content in files.items():
        (out / file).write_bytes(content)

    def refuse(*args):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(resume, f"{door}_regular", refuse)
    options = run.SearchOptions(whole=True)
    with pytest.raises(UserError, match=f"{name}.*: Permission denied; allow"):
        run.predict(detector, expand([str(picture)]), out, options)


@pytest.mark.parametrize("name", ["progress.json", "settings.json"])
def test_a_folder_of_other_files_is_not_to_be_removed(name, tmp_path, finished_run):
    detector, picture, *_ = finished_run
    (tmp_path / name).write_text("{} // a comment")
    options = run.SearchOptions(whole=True)
    with pytest.raises(UserError, match="give another --out") as caught:
        run.predict(detector, expand([str(picture)]), tmp_path, options)
    removing = "remove" in str(caught.value)
    assert not removing or str(caught.value).endswith("if nothing else is in it")
    assert (tmp_path / name).read_text() == "{} // a comment"


def test_models_that_differ_only_in_the_card_do_not_share_results(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((64, 64, 3), 90, np.uint8))
    model = small_model()
    networks = model.card["networks"]
    loss = networks["loss"] | {"alignment_landmark_on": "attention"}
    other = dataclasses.replace(
        model, card=model.card | {"networks": networks | {"loss": loss}}
    )
    for name, changed in (("same", model), ("other", other)):
        _predict(Detector(model, path="direct"), [tmp_path / "a.png"], tmp_path / name)
        again = Detector(changed, path="direct")
        with (
            pytest.raises(UserError, match="other card of the model")
            if changed is other
            else contextlib.nullcontext()
        ):
            _predict(again, [tmp_path / "a.png"], tmp_path / name)


def test_names_that_differ_only_in_an_escape_stay_apart(tmp_path):
    names = ["a\r.png", "a\\r.png"]
    for name in names:
        cv2.imwrite(str(tmp_path / name), np.full((64, 64, 3), 90, np.uint8))
    detector = Detector(small_model(), path="direct")
    inputs = [tmp_path / name for name in names]
    _, rows = _predict(detector, inputs, tmp_path / "out", whole=True)
    assert len({row["file"] for row in rows}) == 2
    openface.write(tmp_path / "out" / run.TABLE, tmp_path / "o", detector.model.aus)
    assert len(list((tmp_path / "o").iterdir())) == 2
