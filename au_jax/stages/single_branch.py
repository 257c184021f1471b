"""E_f and one network behind it: what `landmarks` and `supervised` have in common."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Float

from au_jax.models import remat
from au_jax.models.layers import scaled
from au_jax.stages import accumulation
from au_jax.stages.networks import fresh_network, infer, make_networks, update_stats
from au_jax.stages.state import Optimizers, TrainState, TrainStep, gradient_norms
from au_jax.types import Array, Batch, Config, Params, Terms, Variables


def init(config: Config, key: jax.Array, head: str) -> Variables:
    """Fresh parameters and running statistics of E_f and the network `head`."""
    networks = make_networks(config)
    crop, f = config.data.crop, config.data.crop // 4
    inputs = {
        "feature_encoder": jnp.zeros((1, crop, crop, 3)),
        head: jnp.zeros((1, f, f, scaled(64, config.model.width))),
    }
    params, batch_stats = {}, {}
    for (name, x), k in zip(inputs.items(), jax.random.split(key), strict=True):
        params[name], batch_stats[name] = fresh_network(getattr(networks, name), k, x)
    return Variables({"task": params}, {"task": batch_stats})


def make_train_step(
    config: Config,
    optimizers: Optimizers,
    head: str,
    term: str,
    loss: Callable[[Array, Batch], Array],
) -> TrainStep:
    """One step on a single loss of the head's output, named `term`."""
    networks = make_networks(config)

    def forward(
        params: dict[str, Params], stats: Params, batch: Batch
    ) -> tuple[Array, Params]:
        stats, x = dict(stats), batch["image"][0]
        for name in ("feature_encoder", head):
            module = getattr(networks, name)
            x = update_stats(module, params["task"][name], stats, name, x)
        return loss(x, batch), stats

    differentiate = jax.value_and_grad(
        remat.forward(forward, config.model.remat), has_aux=True
    )

    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, Terms]:
        def of_part(stats: Params, part: Batch) -> tuple[Params, tuple[Array, Params]]:
            (value, stats), gradients = differentiate(state.params, stats, part)
            return stats, (value, gradients)

        stats, (value, gradients) = accumulation.mean(
            of_part, state.batch_stats["task"], batch, config.accumulation
        )
        state = state.apply_gradients(optimizers, gradients)
        state = state.replace(step=state.step + 1, batch_stats={"task": stats})
        return state, {"total": value, term: value} | gradient_norms(gradients)

    return train_step


def make_apply(
    config: Config, head: str
) -> Callable[[Variables, Float[Array, "b h w 3"]], Float[Array, "b *out"]]:
    """The head's output on images, in inference mode."""
    networks = make_networks(config)

    def apply(
        variables: Variables, image: Float[Array, "b h w 3"]
    ) -> Float[Array, "b *out"]:
        params, batch_stats = variables
        x = image
        for name in ("feature_encoder", head):
            module = getattr(networks, name)
            x = infer(module, params["task"], batch_stats["task"], name, x)
        return jnp.asarray(x, jnp.float32)

    return apply
