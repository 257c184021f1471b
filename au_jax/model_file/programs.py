"""A model as one function of face crops, and its export as StableHLO and ONNX.

Both exported programs take any number of crops and return AU probabilities. If the
model sees landmarks (`card.sees_landmarks`), they also take the landmarks of each crop,
in units of its side. A StableHLO program runs on CPUs and
NVIDIA GPUs and needs only jax and flatbuffers:

    call = jax.export.deserialize(bytearray(open(FILE, "rb").read())).call
    probabilities = call(faces)  # or call(faces, landmarks)

An ONNX program has the input `faces`, perhaps `landmarks`, and the output
`probabilities`; its metadata entry `card` holds the model card as JSON, without the
index of arrays.
"""

import functools
import json
import logging
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Float, UInt8

from au_jax.data.transforms import normalise
from au_jax.errors import UserError
from au_jax.faces.landmarks import NUM_LANDMARKS
from au_jax.model_file import card as cards
from au_jax.model_file.file import Model
from au_jax.runtime.config_files import one_line
from au_jax.runtime.files import write_whole
from au_jax.stages import STAGES
from au_jax.types import Array, Variables

PLATFORMS = ("cpu", "cuda")
"""The platforms of a StableHLO program."""

# jax2onnx 0.17.1, the newest, fails with jax 0.12; its extra says the same.
_ONNX_INSTALL = "pip install 'jax<0.12' 'jax2onnx>=0.17' onnxruntime"


def predict_aus(
    card: dict[str, Any], au_path: str
) -> Callable[[Variables, Array, Array], Array]:
    """Return the function from variables and face crops to AU probabilities.

    It takes crops as `Detector.crop` cuts them, uint8 (b, crop, crop, 3) in RGB, and
    their landmarks (b, 49, 2) in units of the crop side; it returns float32 (b, a).
    Normalisation is part of it, as in training.

    Args:
        card: The model card.
        au_path: "reconstructed" or "direct", one of `cards.au_paths(card)`.
    """
    predict = STAGES[card["stage"]].make_predict(cards.network_config(card))

    def probabilities(
        variables: Variables,
        faces: UInt8[Array, "b c c 3"],
        landmarks: Float[Array, "b 49 2"],
    ) -> Float[Array, "b a"]:
        return predict(variables, normalise(faces), landmarks).aus[au_path]

    return probabilities


def save_stablehlo(file: Path, model: Model, path: str | None = None) -> None:
    """Write a StableHLO program that contains the parameters.

    Args:
        file: The file to write.
        model: The model to export.
        path: "reconstructed" or "direct"; None selects the first that the model has.

    Raises:
        UserError: the model has no such path.
    """
    (batch,) = jax.export.symbolic_shape("b")
    inputs = _inputs(model, batch).values()
    program = jax.jit(_with_constants(model, path))
    exported = jax.export.export(program, platforms=PLATFORMS)(*inputs)
    write_whole(file, bytes(exported.serialize()))


def save_onnx(file: Path, model: Model, path: str | None = None) -> None:
    """Write an ONNX program that contains the parameters.

    Args:
        file: The file to write.
        model: The model to export.
        path: "reconstructed" or "direct"; None selects the first that the model has.

    Raises:
        UserError: see `check_onnx`; or the model has no such path.
    """
    check_onnx()
    import jax2onnx  # pyright: ignore[reportMissingImports]

    # It warns about shapes that it leaves symbolic, as they should be.
    logging.getLogger("onnx_ir").setLevel(logging.ERROR)
    inputs = _inputs(model, "b")
    exported = jax2onnx.to_onnx(
        _with_constants(model, path),
        list(inputs.values()),
        model_name="au_jax",
        input_names=list(inputs),
        output_names=["probabilities"],
    )
    entry = exported.metadata_props.add()
    entry.key, entry.value = "card", json.dumps(cards.without_arrays(model.card))
    write_whole(file, exported.SerializeToString())


@functools.cache
def check_onnx() -> None:
    """Convert a tiny program, which takes less time than to fail at a model.

    Raises:
        UserError: jax2onnx is not installed, or cannot read the programs of this JAX.
    """
    program = jax.jit(lambda x: x + x)
    try:
        import jax2onnx  # pyright: ignore[reportMissingImports]

        jax2onnx.to_onnx(program, [jax.ShapeDtypeStruct((1,), jnp.float32)])
    except Exception as error:  # it uses what JAX keeps to itself
        if isinstance(error, ModuleNotFoundError) and error.name == "jax2onnx":
            raise UserError(f"ONNX export needs jax2onnx: {_ONNX_INSTALL}") from None
        versions = f"jax2onnx {version('jax2onnx')} and jax {jax.__version__}"
        raise UserError(
            f"{versions} do not work together ({one_line(error)}); in an environment"
            f" of its own: {_ONNX_INSTALL}"
        ) from None


def _inputs(model: Model, batch: Any) -> dict[str, jax.ShapeDtypeStruct]:
    """Return the inputs of a program by name, for a batch of symbolic size."""
    shape = (batch, model.crop, model.crop, 3)
    inputs = {"faces": jax.ShapeDtypeStruct(shape, jnp.uint8)}
    if cards.sees_landmarks(model.card):
        shape = (batch, NUM_LANDMARKS, 2)
        inputs["landmarks"] = jax.ShapeDtypeStruct(shape, jnp.float32)
    return inputs


def _with_constants(model: Model, path: str | None) -> Callable[..., Array]:
    """Return the model as a function of its inputs; its parameters are constants."""
    predict = predict_aus(model.card, cards.select_au_path(model.card, path))

    def probabilities(faces: Array, landmarks: Array | None = None) -> Array:
        if landmarks is None:  # the model does not look at them
            landmarks = jnp.zeros((faces.shape[0], NUM_LANDMARKS, 2))
        return predict(model.variables, faces, landmarks)

    return probabilities
