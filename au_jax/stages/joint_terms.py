"""The loss terms of the joint stage, of its players and of its discriminators."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float

from au_jax.stages import losses
from au_jax.stages.forward import Constants, Outputs, enlarge, fold, unfold
from au_jax.stages.networks import Networks, apply
from au_jax.types import DOMAINS, Array, Batch, Params, Terms


def judge_domains(
    networks: Networks, params: Params, features: Float[Array, "d b f f c"]
) -> Float[Array, "d b p p"]:
    """Each domain's discriminator on that domain's features."""
    return jnp.stack(
        [
            apply(networks.domain_discriminator, params[domain], x)
            for domain, x in zip(DOMAINS, features, strict=True)
        ]
    )


def judge_landmarks(
    networks: Networks, params: Params, background: Float[Array, "d b f f c"]
) -> Float[Array, "d b f f k"]:
    """D_l on the backgrounds of both domains."""
    return unfold(
        apply(networks.landmark_discriminator, params["landmark"], fold(background))
    )


def discriminator_terms(
    networks: Networks,
    params: Params,
    outputs: Outputs,
    constants: Constants,
    batch: Batch,
) -> Terms:
    """The discriminators' own losses, on features that are constants to them."""
    own = judge_domains(networks, params, constants.features)
    generated = judge_domains(networks, params, outputs["recombined"])
    maps = judge_landmarks(networks, params, outputs["background"])
    return {
        "landmark_discriminator": losses.landmark_discriminator(maps, batch["cells"]),
        "domain_discriminator": 0.5
        * (losses.least_squares(own, 1.0) + losses.least_squares(generated, 0.0)),
    }


def player_terms(
    networks: Networks,
    discriminators: Params,
    outputs: Outputs,
    constants: Constants,
    batch: Batch,
    au_weight: Float[Array, "a"],
    upsample: int,
    names: Iterable[str],
) -> Terms:
    """The terms of L_total named in `names`, unweighted (method.md section 4)."""
    aus, known, cells = batch["aus"][0], batch["aus_known"][0], batch["cells"]

    def align(kind: str, wanted: Float[Array, "d b f f c"]) -> Float[Array, ""]:
        found = outputs[f"reconstructed_{kind}"]
        pair = [enlarge(fold(x), upsample) for x in (found, wanted)]
        return 2 * losses.l1(*pair)  # a sum over the two domains, not a mean

    terms: dict[str, Callable[[], Array]] = {
        # X_target carries the source's landmarks, hence its labels.
        "au": lambda: (
            0.5
            * (
                losses.au(outputs["au_source"], aus, known, au_weight)
                + losses.au(outputs["au_recombined"], aus, known, au_weight)
            )
        ),
        # Half the sum of four terms; `losses.landmark` averages two of them each.
        "landmark": lambda: (
            losses.landmark(outputs["landmark_logits"], cells)
            + losses.landmark(outputs["recombined_landmark_logits"], cells[::-1])
        ),
        "landmark_adversarial": lambda: losses.landmark_adversarial(
            judge_landmarks(networks, discriminators, outputs["background"])
        ),
        "feature_adversarial": lambda: losses.least_squares(
            judge_domains(networks, discriminators, outputs["recombined"]), 1.0
        ),
        "alignment_feature": lambda: align("feature", constants.features),
        "alignment_landmark": lambda: align("landmark", constants.landmark_features),
        "alignment_background": lambda: align("background", constants.background),
        "landmark_regression": lambda: losses.landmark_regression(
            outputs["landmarks"], batch["landmarks"][0]
        ),
        "cross_cycle": lambda: losses.l1(
            outputs["reconstructed_feature"], constants.features
        ),
        "self_reconstruction": lambda: losses.l1(
            outputs["self_reconstructed"], constants.features
        ),
    }
    return {name: terms[name]() for name in names}


class Judges(NamedTuple):
    """The gradients of both sides of the game, with their terms."""

    discriminators: Callable[[Params, Outputs, Constants, Batch], tuple[Params, Terms]]
    """With respect to the discriminators' parameters."""
    players: Callable[[Outputs, Params, Constants, Batch], tuple[Outputs, Terms]]
    """With respect to the outputs of the players."""


def make_judges(
    networks: Networks,
    weights: Mapping[str, float],
    au_weight: Float[Array, "a"],
    upsample: int,
) -> Judges:
    """Both losses of a joint step (method.md section 4), differentiated."""

    def discriminator_loss(
        params: Params, outputs: Outputs, constants: Constants, batch: Batch
    ) -> tuple[Array, Terms]:
        terms = discriminator_terms(networks, params, outputs, constants, batch)
        return losses.total(terms, dict.fromkeys(terms, 1.0)), terms

    def player_loss(
        outputs: Outputs, discriminators: Params, constants: Constants, batch: Batch
    ) -> tuple[Array, Terms]:
        terms = player_terms(
            networks,
            discriminators,
            outputs,
            constants,
            batch,
            au_weight,
            upsample,
            weights,
        )
        total = losses.total(terms, weights)
        return total, {"total": total, **terms}

    return Judges(
        jax.grad(discriminator_loss, has_aux=True), jax.grad(player_loss, has_aux=True)
    )
