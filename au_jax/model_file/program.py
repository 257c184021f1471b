"""A model as one function of faces alone, for formats that programs elsewhere run."""

from collections.abc import Callable

from jaxtyping import Float, UInt8

from au_jax.data.transforms import normalise
from au_jax.model_file import card as cards
from au_jax.model_file.file import Model
from au_jax.prediction.detector import chosen_path
from au_jax.stages import STAGES
from au_jax.types import Array, Variables


def program(model: Model, path: str | None = None) -> Callable[[Array], Array]:
    """Faces, uint8 (b, crop, crop, 3) in RGB as `Detector.crop` cuts them, to
    probabilities of the AUs, float32 (b, a); the parameters are constants of it.

    Args:
        model: The networks.
        path: "reconstructed" or "direct"; None is the first that the model has.

    Raises:
        UserError: the model has no such path.
    """
    path = chosen_path(model, path)
    predict = STAGES[model.card["stage"]].make_predict(cards.network_config(model.card))

    def run(faces: UInt8[Array, "b c c 3"]) -> Float[Array, "b a"]:
        variables = Variables(model.params, model.batch_stats)
        return predict(variables, normalise(faces)).aus[path]

    return run
