"""T2Net: AUs on source images that are translated to the target (Zheng et al. 2018).

"T2Net: Synthetic-to-Realistic Translation for Solving Single-Image Depth Estimation
Tasks", with AUs in place of depth. A translator makes source images look like the
target's, and E_f and E_au learn from them. One discriminator judges the translated
images, another their features. Left out: the pool of past translations, and the terms
for depth maps. At test time, an image of either domain is not translated.
"""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float

from au_jax.models.image_discriminator import ImageDiscriminator
from au_jax.models.image_translator import ImageTranslator
from au_jax.stages import adversarial, losses
from au_jax.stages.adaptation import BRANCH, domains, init_discriminator, make_predict
from au_jax.stages.adaptation import init as init_detector
from au_jax.stages.folding import fold, unfold
from au_jax.stages.networks import (
    Networks,
    apply,
    apply_and_update_stats,
    init_network,
    make_networks,
)
from au_jax.stages.state import Optimizers, TrainStep
from au_jax.types import Array, Batch, Config, Params, Terms, Variables

__all__ = ["domains", "init", "make_predict", "make_train_step"]

EVERY = 5
"""The discriminators learn at every fifth step, as in the official code."""


class Outputs(NamedTuple):
    """The results of the players."""

    translated: Float[Array, "2 b h h 3"]
    features: Float[Array, "2 b f f c"]
    """Of the translated source images, and of the target's own images."""
    logits: Float[Array, "b a"]
    """Of the translated source images."""


def init(config: Config, key: jax.Array) -> Variables:
    """Return E_f, E_au, the translator, and both discriminators."""
    keys = jax.random.split(key, 4)
    params, stats = init_detector(config, keys[0])
    image = jnp.zeros((1, config.data.crop, config.data.crop, 3))
    translator, discriminator = _modules(config)
    made, made_stats = init_network(translator, keys[1], image)
    params["generator"], stats["generator"] = (
        {"translator": made},
        {"translator": made_stats},
    )
    image_params, _ = init_network(discriminator, keys[2], image)
    of_features = init_discriminator(config, keys[3])
    params["discriminator"] = {"image": image_params, **of_features}
    return Variables(params, stats)


def _modules(config: Config) -> tuple[ImageTranslator, ImageDiscriminator]:
    size = config.model.width, jnp.dtype(config.model.dtype)
    return ImageTranslator(*size), ImageDiscriminator(*size)


@dataclasses.dataclass(frozen=True)
class T2Net:
    """The game of the translator, E_f and E_au against both discriminators."""

    networks: Networks
    translator: ImageTranslator
    image_discriminator: ImageDiscriminator
    au_weight: Float[Array, "a"]

    def run(
        self,
        players: dict[str, Params],
        stats: dict[str, Params],
        batch: Batch,
        key: jax.Array,
    ) -> tuple[Outputs, dict[str, Params]]:
        """Translate both domains; find features and, of the source, AUs."""
        task, generator = dict(stats["task"]), dict(stats["generator"])
        image = batch["image"]
        params = players["generator"]["translator"]
        translated = unfold(
            apply_and_update_stats(
                self.translator, params, generator, "translator", fold(image)
            )
        )

        def apply_in_training(name: str, *inputs: Array) -> Array:
            module, params = getattr(self.networks, name), players["task"][name]
            return apply_and_update_stats(module, params, task, name, *inputs)

        both = fold(jnp.stack([translated[0], image[1].astype(translated.dtype)]))
        features = unfold(apply_in_training("feature_encoder", both))
        logits = apply_in_training(BRANCH, features[0], batch["landmarks"][0])
        new = {"task": task, "generator": generator}
        return Outputs(translated, features, logits), new

    def _judge(
        self, discriminators: Params, image: Array, features: Array
    ) -> dict[str, Array]:
        """Return the scores of images and of features."""
        of_features = self.networks.domain_discriminator
        return {
            "image": apply(self.image_discriminator, discriminators["image"], image),
            "domain": apply(of_features, discriminators["domain"], features),
        }

    def discriminator_terms(
        self, discriminators: Params, outputs: Outputs, batch: Batch
    ) -> Terms:
        """Return the least-squares terms: own images of the target are 1."""
        own = self._judge(discriminators, batch["image"][1], outputs.features[1])
        translated = self._judge(
            discriminators, outputs.translated[0], outputs.features[0]
        )
        return {
            f"{name}_discriminator": (
                losses.least_squares(own[name], 1.0)
                + losses.least_squares(translated[name], 0.0)
            )
            / 2
            for name in own
        }

    def player_terms(
        self, outputs: Outputs, discriminators: Params, batch: Batch
    ) -> Terms:
        """Return the terms of `config.t2net.loss`."""
        scores = self._judge(discriminators, outputs.translated[0], outputs.features[0])
        return {
            "au": losses.labelled_au(outputs.logits, batch, self.au_weight),
            "image_adversarial": losses.least_squares(scores["image"], 1.0),
            "identity": losses.l1(outputs.translated[1], batch["image"][1]),
            "feature_adversarial": losses.least_squares(scores["domain"], 1.0),
        }


def make_train_step(
    config: Config,
    optimizers: Optimizers,
    au_weight: Float[Array, "a"],
    num_steps: int,
) -> TrainStep:
    """Return a step: the discriminators first, if it is their turn, then the players.

    The weights of the players' terms are `config.t2net.loss`.
    """
    game = T2Net(make_networks(config), *_modules(config), au_weight)
    weights = config.t2net.loss.to_dict()
    return adversarial.make_train_step(
        config, optimizers, game, weights, lambda step: step % EVERY == 0
    )
