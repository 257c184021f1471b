"""The forward pass of the joint stage: domain separation and reconstruction.

It runs steps 1 to 5 of method.md section 3. The players are all networks but the
discriminators. The leading axis `d` is the domain (source, target), so `x[::-1]` swaps
the domains. A network that is frozen for one application gets `stop_gradient` (`sg`) of
its parameters.
"""

import functools
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient as sg
from jaxtyping import Float

from au_jax.models.landmark_encoder import LandmarkEncoding
from au_jax.models.landmark_maps import one_hot_maps
from au_jax.models.projector import OrthonormalProjector
from au_jax.stages.folding import fold, unfold
from au_jax.stages.networks import Networks, apply, apply_and_update_stats
from au_jax.types import Array, Batch, Params

Outputs = dict[str, Array]
"""The results of the forward pass that gradients flow through, all floating point.

Key, symbol in method.md section 3, shape:

    au_source                   AU logits of F_source             b a
    au_recombined               AU logits of X_target             b a
    landmark_logits             logits of E_l(F)                  d b f f k
    recombined_landmark_logits  logits of E_l*(X)                 d b f f k
    background                  B                                 d b f f c
    recombined                  X                                 d b f f c
    reconstructed               F'                                d b f f c
    projected_feature           P(F')                             d b g g c
    projected_landmark          P(landmark features of E_l*(X))   d b g g c
    projected_background        P(G_b(sg X))                      d b g g c
    supervisor_*                P(what is aligned to), see below  d b g g c
    self_reconstructed          G_st(sg A, B), ADLD only          d b f f c
    landmarks                   points of F_source, if regressed  b 49 2

P is the projector, or the identity in models without projectors; g is f, or 4 f with
`projector=pixel`. Index d of `projected_landmark` is the domain whose landmarks X_{d'}
carries. With `projector=both`, P stands on the supervising side, too: `supervisor_` and
the three kinds above. Otherwise `Constants` has that side.
"""

KINDS = ("feature", "landmark", "background")
"""The kinds of features that the alignment compares (eq. 2)."""


class Reading(NamedTuple):
    """What the forward pass does where the paper can be read in several ways.

    The defaults are ADLD's, but for the alignment, which ADLD does not have.
    """

    attention: Literal["detected", "true"] = "detected"
    """Where G_st gets A from: E_l's maps, or one-hot maps of the true cells."""
    second_round: Literal["detached", "live"] = "detached"
    """Whether B' and F' are functions of a constant X, or pass gradients on to it."""
    aligned_landmarks: Literal["features", "attention"] = "features"
    """Which "landmark features" eq. 2 aligns."""


PLAIN = Reading()


class Constants(NamedTuple):
    """The results of the forward pass that no gradient flows through."""

    features: Float[Array, "d b f f c"]
    """sg F."""
    landmark_features: Float[Array, "d b f f c2"]
    """sg of the landmark features of E_l(F), or of the attention that G_st gets."""
    background: Float[Array, "d b f f c"]
    """sg B."""
    batch_stats: Params
    """Running statistics of the task group after the pass."""


def enlarge(x: Float[Array, "b f f c"], factor: int) -> Float[Array, "b g g c"]:
    """Enlarge feature maps bilinearly; a factor of 1 returns them unchanged."""
    if factor == 1:
        return x
    b, height, width, c = x.shape
    shape = (b, height * factor, width * factor, c)
    return jax.image.resize(x, shape, method="bilinear")


def encode_landmarks(
    networks: Networks, params: Params, features: Float[Array, "d b f f c"]
) -> LandmarkEncoding:
    """Apply E_l to the features of both domains."""
    folded = apply(networks.landmark_encoder, params, fold(features))
    return LandmarkEncoding(*map(unfold, folded))


def extract_background(
    networks: Networks, params: Params, features: Float[Array, "d b f f c"]
) -> Float[Array, "d b f f c2"]:
    """Apply G_b to the features of both domains."""
    return unfold(apply(networks.background_generator, params, fold(features)))


def generate(
    networks: Networks,
    params: Params,
    attention: Float[Array, "d b f f k"],
    background: Float[Array, "d b f f c"],
) -> Float[Array, "d b f f c2"]:
    """Apply G_st to the attention and background of both domains."""
    return unfold(
        apply(networks.feature_generator, params, fold(attention), fold(background))
    )


def forward(
    networks: Networks,
    players: dict[str, Params],
    batch_stats: Params,
    batch: Batch,
    terms: frozenset[str],
    reading: Reading = PLAIN,
) -> tuple[Outputs, Constants]:
    """Run the players on a batch (method.md section 3, steps 1 to 5).

    Args:
        networks: The modules.
        players: Parameters of the groups "task" and "generator".
        batch_stats: Running statistics of the task group before the step.
        batch: Both domains, source first; images in -1..1.
        terms: The active loss terms. Outputs that only other terms need are omitted.
        reading: What the paper leaves open.
    """
    task, generator = players["task"], players["generator"]
    stats = dict(batch_stats)

    def apply_in_training(name: str, params: Params, *inputs: Array) -> Array:
        module = getattr(networks, name)
        return apply_and_update_stats(module, params[name], stats, name, *inputs)

    # 1. Features F and their landmarks. Batch norm sees the source before the target.
    features = jnp.stack(
        [apply_in_training("feature_encoder", task, image) for image in batch["image"]]
    )
    landmarks = encode_landmarks(networks, task["landmark_encoder"], features)

    # 2. Backgrounds B.
    background_params = generator["background_generator"]
    background = extract_background(networks, background_params, sg(features))

    # 3. Recombined features X: the other domain's landmarks, this domain's background.
    combine = functools.partial(generate, networks, generator["feature_generator"])
    attention = attention_to_give(landmarks, batch, reading)
    recombined = combine(attention[::-1], background)

    # 4. Second round, with E_l frozen (E_l*): A', B' and F'.
    recombined_landmarks, recombined_background, reconstructed = second_round(
        networks, players, recombined, attention, reading
    )

    # 5. AU logits. All four applications update the running statistics, in this order;
    #    only two of them enter the loss. X_d has the landmarks of the other domain.
    points = batch["landmarks"]
    au_source = apply_in_training("au_detector", task, features[0], points[0])
    apply_in_training("au_detector", sg(task), sg(features[1]), points[1])
    apply_in_training("au_detector", sg(task), sg(recombined[0]), points[1])
    au_recombined = apply_in_training("au_detector", task, recombined[1], points[0])

    outputs: Outputs = {
        "au_source": au_source,
        "au_recombined": au_recombined,
        "landmark_logits": landmarks.logits,
        "recombined_landmark_logits": recombined_landmarks.logits,
        "background": background,
        "recombined": recombined,
    }
    if "cross_cycle" in terms:
        outputs["reconstructed"] = reconstructed
    if "self_reconstruction" in terms:
        outputs["self_reconstructed"] = combine(attention, background)
    if "landmark_regression" in terms:
        outputs["landmarks"] = apply_in_training("landmark_detector", task, features[0])

    own = landmarks_to_align(landmarks, reading.aligned_landmarks)
    carried = landmarks_to_align(recombined_landmarks, reading.aligned_landmarks)
    constants = Constants(sg(features), sg(own), sg(background), stats)
    for kind, reconstruction, supervisor in (
        ("feature", reconstructed, constants.features),
        ("landmark", carried[::-1], constants.landmark_features),
        ("background", recombined_background, constants.background),
    ):
        if f"alignment_{kind}" in terms:
            outputs |= project(networks, generator, kind, reconstruction, supervisor)
    return outputs, constants


def attention_to_give(
    landmarks: LandmarkEncoding, batch: Batch, reading: Reading
) -> Float[Array, "d b f f k"]:
    """Return the A of each domain that G_st gets, a constant."""
    if reading.attention == "true":
        side, dtype = landmarks.attention.shape[-2], landmarks.attention.dtype
        return one_hot_maps(batch["cells"], side, dtype)
    return sg(landmarks.attention)


def second_round(
    networks: Networks,
    players: dict[str, Params],
    recombined: Float[Array, "d b f f c"],
    attention: Float[Array, "d b f f k"],
    reading: Reading,
) -> tuple[LandmarkEncoding, Float[Array, "d b f f c"], Float[Array, "d b f f c"]]:
    """Separate and recombine X: return E_l*(X), B' = G_b(sg X), and F'.

    X_{d'} carries the landmarks of d, so swapping its attention gives A'_d; G_st turns
    A' and B' into F'. With true landmarks, A' is `attention`, the A of each domain.
    """
    generator = players["generator"]
    frozen = sg(players["task"]["landmark_encoder"])
    landmarks = encode_landmarks(networks, frozen, recombined)
    detached = sg if reading.second_round == "detached" else lambda x: x
    background = extract_background(
        networks, generator["background_generator"], detached(recombined)
    )
    if reading.attention == "detected":
        attention = detached(landmarks.attention[::-1])
    reconstructed = generate(
        networks, generator["feature_generator"], attention, background
    )
    return landmarks, background, reconstructed


def landmarks_to_align(
    encoding: LandmarkEncoding, kind: Literal["features", "attention"]
) -> Float[Array, "d b f f c"]:
    """Return what `alignment_landmark` compares: see `forward`."""
    if kind == "features":
        return encoding.features
    return encoding.attention.sum(axis=-1, keepdims=True)


def project(
    networks: Networks,
    generator: Params,
    kind: str,
    reconstructed: Float[Array, "d b f f c"],
    supervisor: Float[Array, "d b f f c"],
) -> Outputs:
    """Apply a projector to the sides of a pair where the model has one."""
    projector = networks.projector
    if projector is None:
        return {f"projected_{kind}": reconstructed}

    def p(x: Float[Array, "d b f f c"]) -> Float[Array, "d b g g c"]:
        return unfold(apply(projector, generator[f"projector_{kind}"], fold(x)))

    outputs = {f"projected_{kind}": p(reconstructed)}
    if isinstance(projector, OrthonormalProjector):
        outputs[f"supervisor_{kind}"] = p(supervisor)
    return outputs
