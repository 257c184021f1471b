"""Expected: the probabilities of `Detector` for the same faces, at any batch size."""

import subprocess
import sys

import jax
import numpy as np
import pytest

from au_jax.errors import UserError
from au_jax.model_file import stablehlo
from au_jax.prediction import detector
from tests.prediction.models import small_model

LOADED = """
import sys
import jax
import numpy as np
with open(sys.argv[1], "rb") as stream:
    call = jax.export.deserialize(bytearray(stream.read())).call
faces = np.load(sys.argv[2])
np.save(sys.argv[3], np.asarray(call(faces)))
assert not [name for name in sys.modules if name.startswith(("au_jax", "flax"))]
"""


def some_faces(count, crop):
    random = np.random.default_rng(count)
    return random.integers(0, 256, (count, crop, crop, 3), dtype=np.uint8)


@pytest.mark.parametrize("path", ["reconstructed", "direct"])
def test_the_program_answers_as_the_model_does(tmp_path, path):
    model = small_model()
    file = tmp_path / "model.stablehlo"
    stablehlo.save(file, model, path)
    assert [f.name for f in tmp_path.iterdir()] == [file.name]
    exported = jax.export.deserialize(bytearray(file.read_bytes()))
    assert exported.platforms == stablehlo.PLATFORMS
    answer = detector.Detector(model, path).probabilities
    for count in (1, 3, 16, 17):
        faces = some_faces(count, model.crop)
        found = np.asarray(exported.call(faces))
        assert found.shape == (count, len(model.aus))
        # The batch changes the order of XLA's sums.
        np.testing.assert_allclose(found, answer(list(faces)), atol=1e-5)


def test_it_is_loaded_without_au_jax(tmp_path):
    model, faces = small_model(), some_faces(2, small_model().crop)
    stablehlo.save(tmp_path / "model", model)
    np.save(tmp_path / "faces.npy", faces)
    names = ("model", "faces.npy", "found.npy")
    files = [str(tmp_path / name) for name in names]
    subprocess.run([sys.executable, "-c", LOADED, *files], cwd=tmp_path, check=True)
    wanted = detector.Detector(model).probabilities(list(faces))
    np.testing.assert_allclose(np.load(files[2]), wanted, atol=1e-5)


def test_a_path_that_the_model_lacks(tmp_path):
    with pytest.raises(UserError, match="this model has direct"):
        stablehlo.save(tmp_path / "m", small_model("supervised"), "reconstructed")
