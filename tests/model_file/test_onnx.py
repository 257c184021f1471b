"""Expected: the probabilities of `Detector` for the same faces, at any batch size."""

import json

import jax
import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="ONNX (the extra onnx) is absent")
pytest.importorskip("jax2onnx", reason="ONNX (the extra onnx) is absent")

from tests.prediction.test_stablehlo import some_faces

from au_jax.errors import UserError
from au_jax.model_file import onnx_file
from au_jax.prediction import detector
from tests.prediction.models import small_model

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of its own


@pytest.mark.parametrize("path", ["reconstructed", "direct"])
def test_the_file_answers_as_the_model_does(tmp_path, path):
    import onnxruntime as ort  # pyright: ignore[reportMissingImports]

    model = small_model()
    file = tmp_path / "model.onnx"
    with jax.numpy_rank_promotion("allow"):  # its convolutions add biases that way
        onnx_file.save(file, model, path)
    session = ort.InferenceSession(file, providers=["CPUExecutionProvider"])
    card = json.loads(session.get_modelmeta().custom_metadata_map["card"])
    assert card["networks"]["data"]["aus"] == list(model.aus)
    answer = detector.Detector(model, path).probabilities
    for count in (1, 3, 17):
        faces = some_faces(count, model.crop)
        (found,) = session.run(["probabilities"], {"faces": faces})
        np.testing.assert_allclose(found, answer(list(faces)), atol=1e-4)


def test_a_path_that_the_model_lacks(tmp_path):
    with pytest.raises(UserError, match="this model has direct"):
        onnx_file.save(tmp_path / "m", small_model("supervised"), "reconstructed")
