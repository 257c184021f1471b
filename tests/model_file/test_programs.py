"""Exported programs give the probabilities of `Detector`, for any number of faces."""

import subprocess
import sys
import types

import jax
import numpy as np
import pytest

from au_jax import Detector
from au_jax.errors import UserError
from au_jax.model_file import programs
from tests.mistakes import one_line
from tests.prediction.models import crops_of, landmarks_of, small_model

STANDALONE = """
import sys
import jax
import numpy as np
with open(sys.argv[1], "rb") as stream:
    call = jax.export.deserialize(bytearray(stream.read())).call
faces = np.load(sys.argv[2])
np.save(sys.argv[3], np.asarray(call(faces)))
assert not [name for name in sys.modules if name.startswith(("au_jax", "flax"))]
"""


def random_faces(count, crop):
    rng = np.random.default_rng(count)
    return rng.integers(0, 256, (count, crop, crop, 3), dtype=np.uint8)


@pytest.mark.parametrize("path", ["reconstructed", "direct"])
def test_stablehlo_agrees_with_the_detector(tmp_path, path):
    model = small_model()
    file = tmp_path / "model.stablehlo"
    programs.save_stablehlo(file, model, path)
    assert [f.name for f in tmp_path.iterdir()] == [file.name]
    exported = jax.export.deserialize(bytearray(file.read_bytes()))
    assert exported.platforms == programs.PLATFORMS
    detector = Detector(model, path)
    for count in (1, 3, 16, 17):
        faces = random_faces(count, model.crop)
        probabilities = np.asarray(exported.call(faces))
        assert probabilities.shape == (count, len(model.aus))
        # The size of the batch changes the order of XLA's sums.
        expected = detector.probabilities(crops_of(faces))
        np.testing.assert_allclose(probabilities, expected, atol=1e-5)


def test_stablehlo_of_the_grid_takes_any_number_of_faces(tmp_path):
    model = small_model("supervised", "grid")
    programs.save_stablehlo(tmp_path / "model", model)
    call = jax.export.deserialize(bytearray((tmp_path / "model").read_bytes())).call
    faces = random_faces(3, model.crop)
    expected = Detector(model).probabilities(crops_of(faces))
    np.testing.assert_allclose(call(faces), expected, atol=1e-5)


@pytest.mark.parametrize(
    "described",
    [
        ("supervised", "landmarks"),
        ("gradient_patches",),
        ("joint", "global", "true"),
    ],
)
def test_stablehlo_takes_landmarks_if_the_model_looks_at_them(tmp_path, described):
    model = small_model(*described)
    programs.save_stablehlo(tmp_path / "model", model)
    call = jax.export.deserialize(bytearray((tmp_path / "model").read_bytes())).call
    faces, points = random_faces(3, model.crop), landmarks_of(3)
    expected = Detector(model).probabilities(crops_of(faces))
    np.testing.assert_allclose(call(faces, points), expected, atol=1e-5)
    elsewhere = np.asarray(call(faces, points[::-1].copy()))
    assert np.abs(elsewhere - expected).max() > 1e-4


def test_stablehlo_runs_without_au_jax(tmp_path):
    model, faces = small_model(), random_faces(2, small_model().crop)
    programs.save_stablehlo(tmp_path / "model", model)
    np.save(tmp_path / "faces.npy", faces)
    names = ("model", "faces.npy", "probabilities.npy")
    files = [str(tmp_path / name) for name in names]
    subprocess.run([sys.executable, "-c", STANDALONE, *files], cwd=tmp_path, check=True)
    expected = Detector(model).probabilities(crops_of(faces))
    np.testing.assert_allclose(np.load(files[2]), expected, atol=1e-5)


def test_stablehlo_refuses_a_path_that_the_model_lacks(tmp_path):
    with pytest.raises(UserError, match="this model has direct"):
        programs.save_stablehlo(
            tmp_path / "m", small_model("supervised"), "reconstructed"
        )


def test_onnx_without_its_package_says_what_to_install(tmp_path, monkeypatch):
    programs.check_onnx.cache_clear()
    monkeypatch.setitem(sys.modules, "jax2onnx", None)
    with pytest.raises(UserError, match="pip install 'jax<"):
        programs.save_onnx(tmp_path / "m", small_model())


def test_onnx_with_a_jax_that_jax2onnx_cannot_read_says_what_to_install(monkeypatch):
    """As jax2onnx 0.17.1 with jax 0.12; a tiny program shows it before the model."""

    def fail(*_):
        raise AttributeError("module 'jax._src.core' has no attribute 'ClosedJaxpr'")

    programs.check_onnx.cache_clear()
    broken = types.SimpleNamespace(to_onnx=fail)
    monkeypatch.setitem(sys.modules, "jax2onnx", broken)
    monkeypatch.setattr(programs, "version", lambda _: "0.17.1")
    with pytest.raises(UserError) as raised:
        programs.check_onnx()
    said = one_line(str(raised.value))
    assert said.startswith(f"jax2onnx 0.17.1 and jax {jax.__version__} do not work")
    assert "'jax<0.12' 'jax2onnx>=0.17'" in said
