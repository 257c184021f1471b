"""The ONNX program gives the probabilities of `Detector`, for any number of faces."""

import json

import jax
import numpy as np
import pytest

from au_jax import Detector
from au_jax.errors import UserError
from au_jax.model_file import programs
from tests.model_file.test_programs import random_faces
from tests.prediction.models import crops_of, small_model

REASON = "the packages of the extra `onnx` are absent"
pytest.importorskip("jax2onnx", reason=REASON)
onnxruntime = pytest.importorskip("onnxruntime", reason=REASON)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # raised inside jax2onnx
@pytest.mark.parametrize("path", ["reconstructed", "direct"])
def test_onnx_agrees_with_the_detector(tmp_path, path):
    model = small_model()
    file = tmp_path / "model.onnx"
    with jax.numpy_rank_promotion("allow"):  # jax2onnx broadcasts the biases
        programs.save_onnx(file, model, path)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    card = json.loads(session.get_modelmeta().custom_metadata_map["card"])
    assert card["networks"]["data"]["aus"] == list(model.aus)
    assert "arrays" not in card
    detector = Detector(model, path)
    for count in (1, 3, 17):
        faces = random_faces(count, model.crop)
        (probabilities,) = session.run(["probabilities"], {"faces": faces})
        expected = detector.probabilities(crops_of(faces))
        np.testing.assert_allclose(probabilities, expected, atol=1e-4)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_onnx_refuses_a_path_that_the_model_lacks(tmp_path):
    with pytest.raises(UserError, match="this model has direct"):
        programs.save_onnx(tmp_path / "m", small_model("supervised"), "reconstructed")
