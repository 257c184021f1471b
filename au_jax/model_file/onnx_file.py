"""A model in ONNX, for programs without Python.

The input `faces` is any number of faces, the output `probabilities` those of the AUs
(au_jax/model_file/program.py); the metadata hold the model's card without its arrays.
"""

import json
import logging
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from au_jax.errors import UserError
from au_jax.model_file.file import Model
from au_jax.model_file.program import program
from au_jax.runtime.files import write_whole


def save(file: Path, model: Model, path: str | None = None) -> None:
    """Writes the networks of one path.

    Raises:
        UserError: jax2onnx is absent, or the model has no such path.
    """
    try:
        import jax2onnx  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise UserError(
            "ONNX takes jax2onnx: pip install jax2onnx onnxruntime"
        ) from None
    logging.getLogger("onnx_ir").setLevel(logging.ERROR)  # of shapes it leaves out
    shape: Any = ("b", model.crop, model.crop, 3)
    made = jax2onnx.to_onnx(
        program(model, path),
        [jax.ShapeDtypeStruct(shape, jnp.uint8)],
        model_name="au_jax",
        input_names=["faces"],
        output_names=["probabilities"],
    )
    card = {key: value for key, value in model.card.items() if key != "arrays"}
    entry = made.metadata_props.add()
    entry.key, entry.value = "card", json.dumps(card)
    write_whole(file, made.SerializeToString())
