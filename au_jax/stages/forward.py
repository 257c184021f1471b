"""One forward pass of the players: domain separation and reconstruction.

Steps 1 to 5 of method.md section 3, with the domain (source, target) as leading axis
`d`. "The other domain's" is then `x[::-1]`, and a network frozen for one application is
`stop_gradient` of its parameters.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient as sg
from jaxtyping import Float

from au_jax.models.landmark_encoder import LandmarkEncoding
from au_jax.stages.networks import Networks, apply, update_stats
from au_jax.types import Array, Batch, Params

Outputs = dict[str, Array]


class Constants(NamedTuple):
    """What the forward pass yields that no gradient flows back through."""

    features: Float[Array, "d b f f c"]
    landmark_features: Float[Array, "d b f f c"]
    background: Float[Array, "d b f f c"]
    batch_stats: Params


def fold(x: Float[Array, "d b *rest"]) -> Float[Array, "db *rest"]:
    """Both domains as one batch, for networks without running statistics.

    The batch stays the major axis, so that a batch that is spread over devices folds
    without moving between them.
    """
    return x.swapaxes(0, 1).reshape(-1, *x.shape[2:])


def unfold(x: Float[Array, "db *rest"]) -> Float[Array, "2 b *rest"]:
    """The inverse of `fold`."""
    return x.reshape(-1, 2, *x.shape[1:]).swapaxes(0, 1)


def enlarge(x: Float[Array, "b f f c"], factor: int) -> Float[Array, "b g g c"]:
    """Bilinear enlargement of feature maps; a factor of 1 leaves them as they are."""
    if factor == 1:
        return x
    b, height, width, c = x.shape
    shape = (b, height * factor, width * factor, c)
    return jax.image.resize(x, shape, method="bilinear")


def encode_landmarks(
    networks: Networks, params: Params, features: Float[Array, "d b f f c"]
) -> LandmarkEncoding:
    """E_l of both domains."""
    found = apply(networks.landmark_encoder, params, fold(features))
    return LandmarkEncoding(*map(unfold, found))


def extract_background(
    networks: Networks, params: Params, features: Float[Array, "d b f f c"]
) -> Float[Array, "d b f f c2"]:
    """G_b of both domains."""
    return unfold(apply(networks.background_generator, params, fold(features)))


def generate(
    networks: Networks,
    params: Params,
    attention: Float[Array, "d b f f k"],
    background: Float[Array, "d b f f c"],
) -> Float[Array, "d b f f c2"]:
    """G_st of both domains."""
    return unfold(
        apply(networks.feature_generator, params, fold(attention), fold(background))
    )


def forward(
    networks: Networks,
    players: dict[str, Params],
    batch_stats: Params,
    batch: Batch,
    terms: frozenset[str],
) -> tuple[Outputs, Constants]:
    """All that the loss terms named in `terms` need of the players.

    Args:
        networks: The modules.
        players: Parameters of the groups "task" and "generator".
        batch_stats: Running statistics of the task group before the step.
        batch: Both domains, source first.
        terms: What only others need is not computed.

    Returns:
        Outputs that gradients flow through, all floating point, and the constants.
    """
    task, generator = players["task"], players["generator"]
    stats = dict(batch_stats)

    def in_training(name: str, params: Params, x: Array) -> Array:
        return update_stats(getattr(networks, name), params[name], stats, name, x)

    # 1. Features F and landmarks of both domains; source before target.
    features = jnp.stack(
        [in_training("feature_encoder", task, image) for image in batch["image"]]
    )
    own = encode_landmarks(networks, task["landmark_encoder"], features)

    # 2. Backgrounds B.
    background_params = generator["background_generator"]
    background = extract_background(networks, background_params, sg(features))

    # 3. Recombined features X: the other domain's landmarks on this background.
    generator_params = generator["feature_generator"]
    recombined = generate(
        networks, generator_params, sg(own.attention[::-1]), background
    )

    # 4. Second round, with E_l frozen: X_{d'} carries d's landmarks.
    frozen = sg(task["landmark_encoder"])
    found = encode_landmarks(networks, frozen, recombined)
    background_again = extract_background(networks, background_params, sg(recombined))
    reconstructed = generate(
        networks, generator_params, sg(found.attention[::-1]), background_again
    )

    # 5. AUs. The running statistics see all four in this order, the loss two of them.
    au_source = in_training("au_detector", task, features[0])
    in_training("au_detector", sg(task), sg(features[1]))
    in_training("au_detector", sg(task), sg(recombined[0]))
    au_recombined = in_training("au_detector", task, recombined[1])

    outputs: Outputs = {
        "au_source": au_source,
        "au_recombined": au_recombined,
        "landmark_logits": own.logits,
        "recombined_landmark_logits": found.logits,
        "background": background,
        "recombined": recombined,
        "reconstructed_feature": reconstructed,
        "reconstructed_landmark": found.features[::-1],
        "reconstructed_background": background_again,
    }
    if "self_reconstruction" in terms:
        outputs["self_reconstructed"] = generate(
            networks, generator_params, sg(own.attention), background
        )
    if "landmark_regression" in terms:
        outputs["landmarks"] = in_training("landmark_detector", task, features[0])
    outputs |= project(networks, generator, outputs)
    constants = Constants(sg(features), sg(own.features), sg(background), stats)
    return outputs, constants


def project(networks: Networks, generator: Params, outputs: Outputs) -> Outputs:
    """The reconstructed features behind their projectors, if the model has any."""
    projected = {}
    for kind in ("feature", "landmark", "background"):
        if f"projector_{kind}" in generator:
            x = fold(outputs[f"reconstructed_{kind}"])
            x = apply(networks.projector, generator[f"projector_{kind}"], x)
            projected[f"reconstructed_{kind}"] = unfold(x)
    return projected
