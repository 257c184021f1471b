"""DRIT: translation of images between the domains (Lee et al. 2018).

"Diverse Image-to-Image Translation via Disentangled Representations". Images are split
into a content, which the domains share, and attributes of their domain; swapping the
attributes translates both, and swapping twice must return them. This stage trains the
translation without labels; the stage `drit_detector` detects AUs by it. Reductions:
discriminators at one scale that learn at every step, and one step for the terms of
swapped and of random attributes.
"""

import dataclasses
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float

from au_jax.models.attribute_encoder import ATTRIBUTES, AttributeEncoder
from au_jax.models.content_encoder import ContentEncoder, InstanceResidualBlock
from au_jax.models.domain_discriminator import DomainDiscriminator
from au_jax.models.image_discriminator import ImageDiscriminator
from au_jax.models.image_generator import ImageGenerator
from au_jax.models.layers import scaled
from au_jax.stages import adversarial, losses
from au_jax.stages.adaptation import domains
from au_jax.stages.dann import domain as domain_bce
from au_jax.stages.embedding import make_predict
from au_jax.stages.folding import fold, unfold
from au_jax.stages.networks import apply, init_network
from au_jax.stages.state import Optimizers, TrainStep
from au_jax.types import DOMAINS, Array, Batch, Config, Params, Terms, Variables

__all__ = ["domains", "init", "make_predict", "make_train_step"]


class Outputs(NamedTuple):
    """The results of the players; index d is the domain that an image looks like."""

    content: Float[Array, "2 b f f c"]
    attributes: Float[Array, "2 b 2 8"]
    """Means and log variances."""
    swapped: Float[Array, "2 b h h 3"]
    """The other domain's content with this domain's attributes."""
    own: Float[Array, "2 b h h 3"]
    """The image's own content and attributes."""
    random: Float[Array, "2 b h h 3"]
    """The other domain's content with random attributes."""
    cycled: Float[Array, "2 b h h 3"]
    """Images that were swapped twice."""
    drawn: Float[Array, "2 b 8"]
    """The random attributes."""
    found: Float[Array, "2 b 8"]
    """The attributes that are found in `random`."""


def make_players(config: Config) -> dict[str, nn.Module]:
    """Return the networks of the group "generator"."""
    size: Any = (config.model.width, jnp.dtype(config.model.dtype))
    shared = InstanceResidualBlock(size[1])
    players: dict[str, nn.Module] = {"content_shared": shared, "image_shared": shared}
    for domain in DOMAINS:
        players[f"content_{domain}"] = ContentEncoder(*size)
        players[f"attributes_{domain}"] = AttributeEncoder(*size)
        players[f"image_{domain}"] = ImageGenerator(*size)
    return players


def make_discriminators(config: Config) -> dict[str, nn.Module]:
    """Return the networks of the group "discriminator"."""
    size: Any = (config.model.width, jnp.dtype(config.model.dtype))
    names = [f"{kind}_{domain}" for kind in ("swapped", "random") for domain in DOMAINS]
    of_images = dict.fromkeys(names, ImageDiscriminator(*size))
    return {"content": DomainDiscriminator(*size), **of_images}


def init(config: Config, key: jax.Array) -> Variables:
    """Return freshly initialised players and discriminators."""
    crop, f = config.data.crop, config.data.crop // 4
    image = jnp.zeros((1, crop, crop, 3))
    content = jnp.zeros((1, f, f, scaled(256, config.model.width)))
    params: dict[str, Params] = {"generator": {}, "discriminator": {}}
    groups = {
        "generator": make_players(config),
        "discriminator": make_discriminators(config),
    }
    count = sum(map(len, groups.values()))
    keys = iter(jax.random.split(key, count))
    for group, modules in groups.items():
        for name, module in modules.items():
            inputs: tuple[Array, ...] = (image,)
            if name.startswith("image_") and name != "image_shared":
                inputs = content, jnp.zeros((1, ATTRIBUTES))
            elif name in ("content_shared", "image_shared", "content"):
                inputs = (content,)
            params[group][name], _ = init_network(module, next(keys), *inputs)
    return Variables(params, {"generator": {}})


class Translator:
    """The players with their parameters.

    Args:
        modules: The networks by name.
        params: Their parameters by name.
    """

    def __init__(self, modules: dict[str, nn.Module], params: Params):
        self.modules, self.params = modules, params

    def __call__(self, name: str, *inputs: Array) -> Array:
        """Apply a network."""
        return apply(self.modules[name], self.params[name], *inputs)

    def content(self, images: Float[Array, "2 b h h 3"]) -> Float[Array, "2 b f f c"]:
        """Return the content of images of each domain."""
        pairs = zip(DOMAINS, images, strict=True)
        each = jnp.stack([self(f"content_{domain}", image) for domain, image in pairs])
        return unfold(self("content_shared", fold(each)))

    def attributes(self, images: Float[Array, "2 b h h 3"]) -> Float[Array, "2 b 2 8"]:
        """Return the means and log variances of the attributes of each domain."""
        pairs = zip(DOMAINS, images, strict=True)
        return jnp.stack([self(f"attributes_{d}", image) for d, image in pairs])

    def image(
        self, domain: str, content: Float[Array, "b f f c"], z: Float[Array, "b 8"]
    ) -> Float[Array, "b h h 3"]:
        """Return images of a domain."""
        return self(f"image_{domain}", self("image_shared", content), z)

    def images(
        self, content: Float[Array, "2 b f f c"], z: Float[Array, "2 b 8"]
    ) -> Float[Array, "2 b h h 3"]:
        """Return images of each domain."""
        triples = zip(DOMAINS, content, z, strict=True)
        return jnp.stack([self.image(*triple) for triple in triples])


@dataclasses.dataclass(frozen=True)
class Drit:
    """The game of the players against the discriminators."""

    players: dict[str, nn.Module]
    discriminators: dict[str, nn.Module]

    def run(
        self,
        players: dict[str, Params],
        stats: dict[str, Params],
        batch: Batch,
        key: jax.Array,
    ) -> tuple[Outputs, dict[str, Params]]:
        """Translate both domains into each other, and back."""
        image = losses.f32(batch["image"])
        translate = Translator(self.players, players["generator"])
        for_content, for_sample, for_drawn = jax.random.split(key, 3)
        content = translate.content(image)
        noisy = content + jax.random.normal(for_content, content.shape, content.dtype)
        attributes = translate.attributes(image)
        mean, log_variance = attributes[:, :, 0], attributes[:, :, 1]
        noise = jax.random.normal(for_sample, mean.shape)
        z = mean + jnp.exp(log_variance / 2) * noise
        drawn = jax.random.normal(for_drawn, mean.shape)

        swapped = translate.images(noisy[::-1], z)
        random = translate.images(noisy[::-1], drawn)
        # A swapped image has the content of the other domain.
        cycled = translate.images(
            translate.content(swapped)[::-1], translate.attributes(swapped)[:, :, 0]
        )
        own, found = translate.images(noisy, z), translate.attributes(random)[:, :, 0]
        outputs = Outputs(
            content, attributes, swapped, own, random, cycled, drawn, found
        )
        return outputs, stats

    def _judge(self, params: Params, kind: str, images: Array) -> Array:
        """Return the logits of the images of each domain."""
        names = [f"{kind}_{domain}" for domain in DOMAINS]
        return jnp.stack(
            [
                apply(self.discriminators[name], params[name], image)
                for name, image in zip(names, images, strict=True)
            ]
        )

    def _judge_content(self, params: Params, content: Array) -> Array:
        module = self.discriminators["content"]
        return unfold(apply(module, params["content"], fold(content)))

    def discriminator_terms(
        self, discriminators: Params, outputs: Outputs, batch: Batch
    ) -> Terms:
        """Return BCEs: own images are 1, generated ones 0; content of the source 1."""
        terms = {}
        for kind, generated in (
            ("swapped", outputs.swapped),
            ("random", outputs.random),
        ):
            own = self._judge(discriminators, kind, batch["image"])
            made = self._judge(discriminators, kind, generated)
            terms[f"{kind}_discriminator"] = 2 * domain_bce(own, made)
        of_content = self._judge_content(discriminators, outputs.content)
        terms["content_discriminator"] = 2 * domain_bce(*of_content)
        return terms

    def player_terms(
        self, outputs: Outputs, discriminators: Params, batch: Batch
    ) -> Terms:
        """Return the terms of `config.drit.loss`."""
        image = batch["image"]
        terms = {}
        for kind, made in (("swapped", outputs.swapped), ("random", outputs.random)):
            logits = losses.f32(self._judge(discriminators, kind, made))
            terms[f"{kind}_adversarial"] = jax.nn.softplus(-logits).mean()
        of_content = losses.f32(self._judge_content(discriminators, outputs.content))
        mean, log_variance = outputs.attributes[:, :, 0], outputs.attributes[:, :, 1]
        return {
            **terms,
            # The BCE with a label of .5: neither domain.
            "content_adversarial": (
                jax.nn.softplus(of_content) - of_content / 2
            ).mean(),
            "cross_cycle": losses.l1(outputs.cycled, image),
            "self_reconstruction": losses.l1(outputs.own, image),
            "attribute_regression": jnp.abs(outputs.found - outputs.drawn).mean(),
            "attribute_divergence": divergence(mean, log_variance),
            "content_size": (losses.f32(outputs.content) ** 2).mean(),
        }


def divergence(
    mean: Float[Array, "*b 8"], log_variance: Float[Array, "*b 8"]
) -> Float[Array, ""]:
    """Return the KL divergence from the unit Gaussian, mean over images."""
    each = (mean**2 + jnp.exp(log_variance) - 1 - log_variance) / 2
    return each.sum(axis=-1).mean()


def make_train_step(
    config: Config,
    optimizers: Optimizers,
    au_weight: Float[Array, "a"],
    num_steps: int,
) -> TrainStep:
    """Return a step: the discriminators first, then the players on `config.drit.loss`.

    It does not use `au_weight`.
    """
    game = Drit(make_players(config), make_discriminators(config))
    weights = config.drit.loss.to_dict()
    return adversarial.make_train_step(config, optimizers, game, weights)
