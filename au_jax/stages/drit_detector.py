"""AUs on source images that DRIT translates to the target (Lee et al. 2018).

The translation of the stage `drit` is frozen: a source image gets the attributes of a
target image of the batch, and keeps its labels. E_f and E_au learn from the translated
images; at test time, images are not translated.
"""

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient as sg
from jaxtyping import Float

from au_jax.stages import adaptation, drit, losses
from au_jax.stages.adaptation import Outputs, domains, make_predict
from au_jax.stages.drit import Translator
from au_jax.stages.state import Optimizers, TrainState, TrainStep
from au_jax.types import Array, Batch, Config, Params, Terms, Variables

__all__ = ["domains", "init", "make_predict", "make_train_step"]

TRANSLATION = (
    *("content_source", "content_shared", "attributes_target"),
    *("image_shared", "image_target"),
)
"""The networks that turn a source image into one of the target."""


def init(config: Config, key: jax.Array) -> Variables:
    """Return E_f, E_au, and the networks of the translation."""
    for_detector, for_translation = jax.random.split(key)
    params, stats = adaptation.init(config, for_detector)
    made = drit.init(config, for_translation).params["generator"]
    generator = {name: made[name] for name in TRANSLATION}
    return Variables({**params, "generator": generator}, stats)


def make_train_step(
    config: Config,
    optimizers: Optimizers,
    au_weight: Float[Array, "a"],
    num_steps: int,
) -> TrainStep:
    """Return a step on `au` of translated images."""

    def no_terms(params: Params, outputs: Outputs) -> Terms:
        return {}

    learn = adaptation.make_train_step(
        config, optimizers, au_weight, num_steps, no_terms, {}
    )
    players = drit.make_players(config)

    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, Terms]:
        source, target = losses.f32(batch["image"])
        translate = Translator(players, sg(state.params["generator"]))
        content = translate("content_shared", translate("content_source", source))
        z = translate("attributes_target", target)[:, 0]
        translated = losses.f32(translate.image("target", content, z))
        image = jnp.stack([translated, target])
        task = state.replace(
            params={"task": state.params["task"]},
            opt_state={"task": state.opt_state["task"]},
        )
        task, terms = learn(task, Batch({**batch, "image": image}))
        return state.replace(
            step=task.step,
            params={**state.params, **task.params},
            opt_state={**state.opt_state, **task.opt_state},
            batch_stats=task.batch_stats,
        ), terms

    return train_step
