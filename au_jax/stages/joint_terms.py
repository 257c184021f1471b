"""The loss terms of the joint stage (method.md section 4).

Each term is a function of the forward pass's outputs and constants and of the
discriminators. `losses` has the equations; here they meet the features they apply to.
"""

from collections.abc import Callable, Iterable

import jax
import jax.numpy as jnp
from jaxtyping import Float

from au_jax.stages import losses
from au_jax.stages.folding import fold, unfold
from au_jax.stages.forward import Constants, Outputs, enlarge
from au_jax.stages.networks import Networks, apply
from au_jax.types import DOMAINS, Array, Batch, Params, Terms


def score_domains(
    networks: Networks, params: Params, features: Float[Array, "d b f f c"]
) -> Float[Array, "d b p p"]:
    """Apply each domain's discriminator D_d to that domain's features."""
    return jnp.stack(
        [
            apply(networks.domain_discriminator, params[domain], x)
            for domain, x in zip(DOMAINS, features, strict=True)
        ]
    )


def locate_landmarks(
    networks: Networks, params: Params, background: Float[Array, "d b f f c"]
) -> Float[Array, "d b f f k"]:
    """Apply D_l to the backgrounds of both domains."""
    return unfold(
        apply(networks.landmark_discriminator, params["landmark"], fold(background))
    )


def gradient_penalty(
    networks: Networks, discriminators: Params, features: Float[Array, "d b f f c"]
) -> Float[Array, ""]:
    """R1 of Mescheder et al. (2018): 1/2 E |grad D_d(F_d)|^2, the mean of both domains.

    The gradient is with respect to a domain's own features.
    """

    def total_score(features: Float[Array, "d b f f c"]) -> Float[Array, ""]:
        scores = score_domains(networks, discriminators, features)
        return losses.f32(scores).mean(axis=(-1, -2)).sum()

    # Instance norm keeps images apart, so each has the gradient of its own score.
    gradient = losses.f32(jax.grad(total_score)(features))
    return 0.5 * jnp.mean((gradient**2).sum(axis=(-1, -2, -3)))


def discriminator_terms(
    networks: Networks,
    discriminators: Params,
    outputs: Outputs,
    constants: Constants,
    batch: Batch,
    r1: float = 0.0,
) -> Terms:
    """Return the discriminators' own terms: their sides of L_adl and L_adf.

    With `r1`, the gradient penalty of that weight is one of them.
    """
    own = score_domains(networks, discriminators, constants.features)
    generated = score_domains(networks, discriminators, outputs["recombined"])
    maps = locate_landmarks(networks, discriminators, outputs["background"])
    penalty = {}
    if r1:
        penalty["r1"] = r1 * gradient_penalty(
            networks, discriminators, constants.features
        )
    return {
        **penalty,
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
    names: Iterable[str],
) -> Terms:
    """Return the terms of L_total (eq. 3) that `names` lists, unweighted."""
    cells = batch["cells"]

    def align(kind: str, supervisor: Float[Array, "d b f f c"]) -> Float[Array, ""]:
        projected = outputs[f"projected_{kind}"]
        supervisor = outputs.get(f"supervisor_{kind}", supervisor)
        factor = projected.shape[-2] // supervisor.shape[-2]
        pair = fold(projected), enlarge(fold(supervisor), factor)
        return 2 * losses.l1(*pair)  # L_c sums over the two domains

    terms: dict[str, Callable[[], Array]] = {
        # X_target carries the source's landmarks, hence its labels.
        "au": lambda: (
            0.5
            * (
                losses.labelled_au(outputs["au_source"], batch, au_weight)
                + losses.labelled_au(outputs["au_recombined"], batch, au_weight)
            )
        ),
        # Half the sum of four terms: each call already averages over two domains.
        # X_d carries the landmarks of the other domain, hence `cells[::-1]`.
        "landmark": lambda: (
            losses.landmark(outputs["landmark_logits"], cells)
            + losses.landmark(outputs["recombined_landmark_logits"], cells[::-1])
        ),
        "landmark_adversarial": lambda: losses.landmark_adversarial(
            locate_landmarks(networks, discriminators, outputs["background"])
        ),
        "feature_adversarial": lambda: losses.least_squares(
            score_domains(networks, discriminators, outputs["recombined"]), 1.0
        ),
        "alignment_feature": lambda: align("feature", constants.features),
        "alignment_landmark": lambda: align("landmark", constants.landmark_features),
        "alignment_background": lambda: align("background", constants.background),
        "landmark_regression": lambda: losses.landmark_regression(
            outputs["landmarks"], batch["landmarks"][0]
        ),
        "cross_cycle": lambda: losses.l1(outputs["reconstructed"], constants.features),
        "self_reconstruction": lambda: losses.l1(
            outputs["self_reconstructed"], constants.features
        ),
    }
    return {name: terms[name]() for name in names}
