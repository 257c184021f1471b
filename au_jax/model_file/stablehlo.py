"""A model as one StableHLO program, for programs without au_jax.

It takes any number of faces and gives the probabilities of the AUs
(au_jax/model_file/program.py). It runs on CPUs and on NVIDIA GPUs; of packages it takes
jax and flatbuffers:

    call = jax.export.deserialize(bytearray(open(FILE, "rb").read())).call
    probabilities = call(faces)
"""

from pathlib import Path

import jax
import jax.numpy as jnp

from au_jax.model_file.file import Model
from au_jax.model_file.program import program
from au_jax.runtime.files import write_whole

PLATFORMS = ("cpu", "cuda")


def save(file: Path, model: Model, path: str | None = None) -> None:
    """Writes the program of one path, with the parameters in it.

    Raises:
        UserError: the model has no such path.
    """
    (batch,) = jax.export.symbolic_shape("b")
    faces = jax.ShapeDtypeStruct((batch, model.crop, model.crop, 3), jnp.uint8)
    run = jax.jit(program(model, path))
    exported = jax.export.export(run, platforms=PLATFORMS)(faces)
    write_whole(file, bytes(exported.serialize()))
