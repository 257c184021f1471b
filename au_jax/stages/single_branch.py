"""Training of E_f with a single branch behind it.

The stages `landmarks` and `supervised` share this code. The branch is named by its
field in `Networks`: "landmark_detector" or "au_detector".
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Float

from au_jax.models.layers import scaled
from au_jax.stages import descent
from au_jax.stages.networks import (
    NO_LANDMARKS,
    apply_and_update_stats,
    infer,
    init_network,
    inputs_of,
    make_networks,
)
from au_jax.stages.state import Optimizers, TrainStep
from au_jax.types import Array, Batch, Config, Params, Terms, Variables


def init(config: Config, key: jax.Array, branch: str) -> Variables:
    """Return fresh parameters and running statistics of E_f and the branch."""
    networks = make_networks(config)
    crop, f = config.data.crop, config.data.crop // 4
    inputs = {
        "feature_encoder": jnp.zeros((1, crop, crop, 3)),
        branch: jnp.zeros((1, f, f, scaled(64, config.model.width))),
    }
    params, batch_stats = {}, {}
    for (name, x), k in zip(inputs.items(), jax.random.split(key), strict=True):
        module = getattr(networks, name)
        params[name], batch_stats[name] = init_network(
            module, k, *inputs_of(name, x, NO_LANDMARKS)
        )
    return Variables({"task": params}, {"task": batch_stats})


def make_train_step(
    config: Config,
    optimizers: Optimizers,
    num_steps: int,
    branch: str,
    term: str,
    loss: Callable[[Array, Batch], Array],
) -> TrainStep:
    """Return a training step on a single loss.

    Args:
        config: The experiment.
        optimizers: One per parameter group; only "task" is used.
        num_steps: Steps of the stage.
        branch: The network behind E_f.
        term: The name of the loss in the logs.
        loss: `(output of the branch, batch) -> loss`.
    """
    networks = make_networks(config)

    def of_batch(
        params: dict[str, Params],
        stats: Params,
        batch: Batch,
        progress: Array,
        key: jax.Array,
    ) -> tuple[Array, tuple[Params, Terms]]:
        stats, x = dict(stats), batch["image"][0]
        for name in ("feature_encoder", branch):
            module, own_params = getattr(networks, name), params["task"][name]
            inputs = inputs_of(name, x, batch["landmarks"][0])
            x = apply_and_update_stats(module, own_params, stats, name, *inputs)
        value = loss(x, batch)
        return value, (stats, {term: value})

    return descent.make_train_step(config, optimizers, num_steps, of_batch)


def make_infer(
    config: Config, branch: str
) -> Callable[[Variables, Array, Array], Float[Array, "b *out"]]:
    """Return a function from faces to the branch's output, for inference.

    It takes what a `PredictFn` takes.
    """
    networks = make_networks(config)

    def infer_branch(
        variables: Variables,
        image: Float[Array, "b h w 3"],
        landmarks: Float[Array, "b 49 2"],
    ) -> Float[Array, "b *out"]:
        params, batch_stats = variables
        x = image
        for name in ("feature_encoder", branch):
            module, inputs = getattr(networks, name), inputs_of(name, x, landmarks)
            x = infer(module, params["task"], batch_stats["task"], name, *inputs)
        return jnp.asarray(x, jnp.float32)

    return infer_branch
