"""A model as one StableHLO program, for programs without au_jax.

It takes faces as `Detector.crop` cuts them, uint8 (b, crop, crop, 3) in RGB for any b,
and gives the probabilities of the AUs, float32 (b, a); it runs on CPUs and on NVIDIA
GPUs, and needs jax alone:

    call = jax.export.deserialize(bytearray(open(FILE, "rb").read())).call
    probabilities = call(faces)
"""

from pathlib import Path

import jax
import jax.numpy as jnp
from jaxtyping import Float, UInt8

from au_jax.files import write_whole
from au_jax.prediction import card as cards
from au_jax.prediction.detector import chosen_path
from au_jax.prediction.model_file import Model
from au_jax.stages import STAGES
from au_jax.types import Array

PLATFORMS = ("cpu", "cuda")


def save(file: Path, model: Model, path: str | None = None) -> None:
    """Writes the program, with the parameters in it.

    Args:
        file: To be written.
        model: The networks.
        path: "reconstructed" or "direct"; None is the first that the model has.

    Raises:
        UserError: the model has no such path.
    """
    path = chosen_path(model, path)
    predict = STAGES[model.card["stage"]].make_predict(cards.network_config(model.card))

    def run(faces: UInt8[Array, "b c c 3"]) -> Float[Array, "b a"]:
        images = faces.astype(jnp.float32) / 127.5 - 1  # data/transforms.py:normalise
        return predict(model.params, model.batch_stats, images).aus[path]

    (batch,) = jax.export.symbolic_shape("b")
    faces = jax.ShapeDtypeStruct((batch, model.crop, model.crop, 3), jnp.uint8)
    exported = jax.export.export(jax.jit(run), platforms=PLATFORMS)(faces)
    write_whole(file, bytes(exported.serialize()))
