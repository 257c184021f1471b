"""TAE: separate embeddings of AUs and of pose (Li, Zeng and Shan 2022).

"Learning representations for facial actions from unlabeled videos". Its code is not
public; the losses are those of its conference version, TCAE ("Self-supervised
representation learning from videos for facial action unit detection", 2019), with the
weights of that code. From the embeddings of two frames, one decoder changes the AUs of
a frame, the other its pose, and both together change it into the other frame.
"""

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient as sg
from jaxtyping import Float

from au_jax.models.flow_decoder import FlowDecoder
from au_jax.stages import descent, embedding, losses
from au_jax.stages.embedding import Modules, Players, make_predict
from au_jax.stages.fab_net import domains
from au_jax.stages.folding import fold, unfold
from au_jax.stages.state import Optimizers, TrainStep
from au_jax.stages.warp import curriculum, warp
from au_jax.types import Array, Batch, Config, Params, Terms, Variables

__all__ = ["domains", "init", "make_predict", "make_train_step"]

EMBEDDERS = ("embedder", "pose_embedder")
"""The embedding of the AUs, which is the one that is probed, and that of the pose."""


def make_modules(config: Config) -> Modules:
    """Return E_f, both embedders and both decoders."""
    model, side = config.model, config.data.crop
    decoder = FlowDecoder(3, side, model.width, jnp.dtype(model.dtype))
    decoders: Modules = {"au_decoder": decoder, "pose_decoder": decoder}
    return embedding.encoders(config, *EMBEDDERS) | decoders


def init(config: Config, key: jax.Array) -> Variables:
    """Return freshly initialised networks."""
    modules = make_modules(config)
    return embedding.init(config, key, modules, "au_decoder", "pose_decoder")


def merge(
    first: Float[Array, "b h h 3"], second: Float[Array, "b h h 3"]
) -> Float[Array, "b h h 2"]:
    """Return the mean of two flows, weighted by exp of their masks, channel 2."""
    both = jnp.stack([first, second])
    weights = jax.nn.softmax(both[..., 2:], axis=0)
    return (both[..., :2] * weights).sum(axis=0)


def make_train_step(
    config: Config,
    optimizers: Optimizers,
    au_weight: Float[Array, "a"],
    num_steps: int,
) -> TrainStep:
    """Return a step on the terms of `config.tae.loss`; it does not use `au_weight`."""
    modules, weights = make_modules(config), config.tae.loss.to_dict()

    def loss(
        params: dict[str, Params],
        stats: Params,
        batch: Batch,
        progress: Array,
        key: jax.Array,
    ) -> tuple[Array, tuple[Params, Terms]]:
        players = Players(modules, params["task"], stats)
        terms = _terms(players, losses.f32(batch["image"]), progress)
        return losses.total(terms, weights), (players.stats, terms)

    return descent.make_train_step(config, optimizers, num_steps, loss)


def _terms(
    players: Players, image: Float[Array, "2 b h h 3"], progress: Float[Array, ""]
) -> Terms:
    """Return the terms of frames I and J, each by its own curriculum.

    J_a is I with the AUs of J, J_p is I with the pose of J, J_o is I with both. The
    terms of embeddings and of cycles are sums of several terms of the paper.
    """
    i, j = image
    features = players("feature_encoder", fold(image))
    aus_i, aus_j = unfold(losses.f32(players("embedder", features)))
    pose_i, pose_j = unfold(losses.f32(players("pose_embedder", features)))

    def flow(decoder: str, old: Array, new: Array) -> Array:
        return players(decoder, jnp.concatenate([old, new], axis=-1))

    au_flow = flow("au_decoder", aus_i, aus_j)
    pose_flow = flow("pose_decoder", pose_i, pose_j)
    j_a, j_p = (warp(sg(i), changed[..., :2]) for changed in (au_flow, pose_flow))
    j_o = warp(sg(i), merge(au_flow, pose_flow))
    again = players("feature_encoder", fold(jnp.stack([j_a, j_p, j_o])))
    aus_ja, aus_jp, aus_jo = unfold(losses.f32(players("embedder", again)), 3)
    poses = losses.f32(players("pose_embedder", again))
    pose_ja, pose_jp, pose_jo = unfold(poses, 3)

    def mean(errors: Array) -> Array:
        return curriculum(errors.mean(axis=tuple(range(1, errors.ndim))), progress)

    def distance(one: Array, other: Array) -> Array:
        return mean((one - other) ** 2)

    def back(decoder: str, changed: Array, old: Array, new: Array) -> Array:
        returned = warp(changed, flow(decoder, old, new)[..., :2])
        return mean(jnp.abs(returned - i))

    return {
        "reconstruction": mean(jnp.abs(j_o - j)),
        "pose_kept": distance(pose_jp, pose_j)
        + distance(pose_ja, pose_i)
        + distance(pose_jo, pose_j),
        "aus_kept": distance(aus_jp, aus_i)
        + distance(aus_ja, aus_j)
        + distance(aus_jo, aus_j),
        "cycle": back("au_decoder", j_a, aus_ja, aus_i)
        + back("pose_decoder", j_p, pose_jp, pose_i),
        "sparsity": jnp.abs(au_flow[..., :2]).mean(),
    }
