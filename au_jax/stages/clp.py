"""CLP: contrastive learning on clips and across people (Li and Shan 2023).

"Contrastive learning of person-independent representations for facial action unit
detection". Its formulas are not public. The paper's idea is kept: embeddings of near
frames are nearer than those of far frames (temporal contrast), and a face is rebuilt
from faces of other people (cross-identity reconstruction), with a momentum encoder and
a memory of its embeddings. **The formulas below are ours.**
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient as sg
from jaxtyping import Float, Int

from au_jax.models.layers import scaled
from au_jax.stages import descent, embedding, losses
from au_jax.stages.embedding import FRAME, Players, make_predict
from au_jax.stages.folding import fold, unfold
from au_jax.stages.mean_teacher import vary
from au_jax.stages.state import Optimizers, TrainState, TrainStep
from au_jax.types import Array, Batch, Config, Params, Terms, Variables

__all__ = ["domains", "init", "make_predict", "make_train_step"]

LEARNER = ("feature_encoder", "embedder")
FOLLOWER = tuple(f"momentum_{name}" for name in LEARNER)

FRAMES = 5
MARGIN = 0.05  # of similarity, for each frame of distance
TEMPERATURE = 0.1
MEMORY = 4096  # embeddings
NEAREST = 32  # embeddings of other people that rebuild a face
SHARPNESS = 0.07  # temperature of their weights


def domains(config: Config) -> tuple[str, ...]:
    """Return the domain of each frame of a clip."""
    return (FRAME,) * FRAMES


def init(config: Config, key: jax.Array) -> Variables:
    """Return E_f and the embedder, equal momentum encoders, and an empty memory."""
    modules = embedding.encoders(config, "embedder")
    params, stats = embedding.init(config, key, modules)
    for group in (params["task"], stats["task"]):
        for learner, follower in zip(LEARNER, FOLLOWER, strict=True):
            group[follower] = group[learner]
    size = scaled(256, config.model.width)
    stats["task"]["memory"] = {
        "embedding": jnp.zeros((MEMORY, size)),
        "person": jnp.full(MEMORY, -1, jnp.int32),  # -1: an empty place
        "place": jnp.zeros((), jnp.int32),  # the next to be written
    }
    return Variables(params, stats)


def unit(x: Float[Array, "*b e"]) -> Float[Array, "*b e"]:
    """Return embeddings of length 1, in float32."""
    x = losses.f32(x)
    return x / jnp.sqrt((x**2).sum(axis=-1, keepdims=True) + 1e-12)


def temporal(z: Float[Array, "t b e"], keys: Float[Array, "t b e"]) -> Float[Array, ""]:
    """Return the temporal contrast inside clips: a ranking and an InfoNCE.

    The ranking: of two frames, of which one may be the frame itself, the nearer one is
    more similar, by a margin for each frame that it is nearer. The InfoNCE: a frame's
    key is told from those of frames at a distance of 2 or more.

    Args:
        z: Embeddings of length 1.
        keys: The same frames' of the momentum encoder.
    """
    similarity = jnp.einsum("tbe,ube->btu", z, keys)
    frames = len(z)
    t, u, v = jnp.ogrid[:frames, :frames, :frames]
    nearer = jnp.abs(u - t) < jnp.abs(v - t)
    margin = MARGIN * (jnp.abs(v - t) - jnp.abs(u - t))
    hinge = jax.nn.relu(similarity[..., None, :] - similarity[..., None] + margin[None])
    ranking = jnp.where(nearer[None], hinge, 0).sum(axis=(1, 2, 3)) / nearer.sum()

    distance = jnp.abs(t - u)[..., 0]
    logits = jnp.where((distance == 1)[None], -jnp.inf, similarity / TEMPERATURE)
    own = jnp.diagonal(similarity, axis1=1, axis2=2) / TEMPERATURE
    contrast = jax.nn.logsumexp(logits, axis=-1) - own
    return ranking.mean() + contrast.mean()


def cross_identity(
    z: Float[Array, "t b e"],
    keys: Float[Array, "t b e"],
    person: Int[Array, "b"],
    memory: Mapping[str, Array],
) -> Float[Array, ""]:
    """Return the InfoNCE of faces that are rebuilt from those of other people.

    A face is the sum of the most similar embeddings of other people in the memory,
    weighted by similarity. The rebuilt face is told from all other frames' keys.
    """
    t, b, e = z.shape
    flat = z.reshape(t * b, e)
    others = memory["person"][None] != jnp.tile(person, t)[:, None]
    others &= memory["person"][None] >= 0
    similarity = jnp.where(others, flat @ memory["embedding"].T, -jnp.inf)
    top, places = jax.lax.top_k(similarity, NEAREST)
    found = jnp.isfinite(top)
    weights = jax.nn.softmax(jnp.where(found, top / SHARPNESS, -1e9), axis=-1)
    weights = jnp.where(found, weights, 0)
    rebuilt = unit((weights[..., None] * memory["embedding"][places]).sum(axis=1))
    logits = rebuilt @ keys.reshape(t * b, e).T / TEMPERATURE
    values = jax.nn.logsumexp(logits, axis=-1) - jnp.diagonal(logits)
    # At first, the memory holds nobody else.
    counts = found.any(axis=-1)
    return jnp.where(counts, values, 0).sum() / jnp.maximum(counts.sum(), 1)


def remember(
    memory: Mapping[str, Array], keys: Float[Array, "n e"], person: Int[Array, "n"]
) -> dict[str, Array]:
    """Return the memory with new embeddings in place of its oldest ones."""
    places = (memory["place"] + jnp.arange(len(keys))) % MEMORY
    return {
        "embedding": jnp.asarray(memory["embedding"]).at[places].set(keys),
        "person": jnp.asarray(memory["person"]).at[places].set(person),
        "place": (memory["place"] + len(keys)) % MEMORY,
    }


def make_train_step(
    config: Config,
    optimizers: Optimizers,
    au_weight: Float[Array, "a"],
    num_steps: int,
) -> TrainStep:
    """Return a step on `temporal` + `cross_identity`, then the momentum encoder moves.

    It does not use `au_weight`.
    """
    modules = embedding.encoders(config, "embedder")
    modules |= {f: modules[n] for n, f in zip(LEARNER, FOLLOWER, strict=True)}

    def loss(
        params: dict[str, Params],
        stats: Params,
        batch: Batch,
        progress: Array,
        key: jax.Array,
    ) -> tuple[Array, tuple[Params, Terms]]:
        players = Players(modules, params["task"], stats)
        frames, flat = len(batch["image"]), fold(batch["image"])

        def embed(names: tuple[str, ...], x: Array) -> Array:
            encoder, embedder = names
            embedded = players(embedder, players(encoder, x))
            return unfold(unit(embedded), frames)

        z = embed(LEARNER, flat)
        keys = sg(embed(FOLLOWER, vary(key, flat)))
        person = batch["person"][0]
        memory: Any = stats["memory"]
        terms = {
            "temporal": temporal(z, keys),
            "cross_identity": cross_identity(z, keys, person, memory),
        }
        flat_keys = keys.reshape(-1, keys.shape[-1])
        new = remember(memory, flat_keys, jnp.tile(person, frames))
        total = losses.total(terms, dict.fromkeys(terms, 1.0))
        return total, (players.stats | {"memory": new}, terms)

    momentum = config.clp.momentum
    learn = descent.make_train_step(config, optimizers, num_steps, loss)

    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, Terms]:
        state, terms = learn(state, batch)
        task = dict(state.params["task"])
        for learner, follower in zip(LEARNER, FOLLOWER, strict=True):
            task[follower] = jax.tree.map(
                lambda old, new: momentum * old + (1 - momentum) * new,
                state.params["task"][follower],
                state.params["task"][learner],
            )
        of_learner = {
            name: term
            for name, term in terms.items()
            if not name.startswith("gradient_norm/task/momentum")
        }
        return state.replace(params={"task": task}), of_learner

    return train_step
