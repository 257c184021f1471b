"""FAb-Net: embeddings from which one frame turns into another (Wiles et al. 2018).

"Self-supervised learning of a facial attribute embedding from video", with a single
source frame. A flow, decoded from the embeddings of both frames, warps the source frame
to look like the target frame: so the embedding has to know pose and expression.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Float

from au_jax.models.flow_decoder import FlowDecoder
from au_jax.stages import descent, embedding, losses
from au_jax.stages.embedding import FRAME, Modules, Players, make_predict
from au_jax.stages.folding import fold, unfold
from au_jax.stages.state import Optimizers, TrainStep
from au_jax.stages.warp import curriculum, warp
from au_jax.types import Array, Batch, Config, Params, Terms, Variables

__all__ = ["domains", "init", "make_predict", "make_train_step"]


def domains(config: Config) -> tuple[str, ...]:
    """Return the domain of each frame of a clip: a source frame, a target frame."""
    return (FRAME, FRAME)


def make_modules(config: Config) -> Modules:
    """Return E_f, the embedder and the decoder."""
    model, side = config.model, config.data.crop
    decoder = FlowDecoder(2, side, model.width, jnp.dtype(model.dtype))
    return embedding.encoders(config, "embedder") | {"decoder": decoder}


def init(config: Config, key: jax.Array) -> Variables:
    """Return freshly initialised networks."""
    return embedding.init(config, key, make_modules(config), "decoder")


def make_train_step(
    config: Config,
    optimizers: Optimizers,
    au_weight: Float[Array, "a"],
    num_steps: int,
) -> TrainStep:
    """Return a step on `reconstruction`; it does not use `au_weight`."""
    modules = make_modules(config)

    def loss(
        params: dict[str, Params],
        stats: Params,
        batch: Batch,
        progress: Array,
        key: jax.Array,
    ) -> tuple[Array, tuple[Params, Terms]]:
        players = Players(modules, params["task"], stats)
        image = losses.f32(batch["image"])
        features = players("feature_encoder", fold(image))
        of_source, of_target = unfold(players("embedder", features))
        flow = players("decoder", jnp.concatenate([of_source, of_target], axis=-1))
        errors = jnp.abs(warp(image[0], flow) - image[1]).mean(axis=(1, 2, 3))
        value = curriculum(errors, progress)
        return value, (players.stats, {"reconstruction": value})

    return descent.make_train_step(config, optimizers, num_steps, loss)
