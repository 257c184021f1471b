"""What the networks of a run compute inside, for pictures and projections."""

from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from au_jax.models.landmark_maps import true_maps
from au_jax.stages import SEPARATING
from au_jax.stages.networks import infer, make_networks
from au_jax.types import Array, Config, Variables


class Maps(NamedTuple):
    """Feature maps of images of both domains, source first; None if not separated."""

    features: Float[np.ndarray, "2 b f f c"]
    """F."""
    attention: Float[np.ndarray, "2 b f f"] | None
    """A, summed over the landmarks."""
    background: Float[np.ndarray, "2 b f f c"] | None
    """B."""
    recombined: Float[np.ndarray, "2 b f f c"] | None
    """X: this domain's background with the other domain's landmarks."""
    reconstructed: Float[np.ndarray, "2 b f f c"] | None
    """F', from separating and recombining X once more."""


def compute(
    stage: str,
    config: Config,
    variables: Variables,
    images: Float[Array, "2 b h h 3"],
    landmarks: Float[Array, "2 b 49 2"],
) -> Maps:
    """Apply the networks of a stage in inference mode, all images as one batch.

    Args:
        stage: A stage with E_f.
        config: The config of the run.
        variables: The networks.
        images: In -1..1; the same number of each domain.
        landmarks: Of the images, in units of their side.
    """
    networks = make_networks(config)
    names = variables.params
    players = names["task"] | names.get("generator", {})
    stats = variables.batch_stats["task"]

    def run(images: Array) -> Any:
        def apply(name: str, *inputs: Array) -> Any:
            module = getattr(networks, name)
            return infer(module, players, stats, name, *inputs)

        def on_both(name: str, *pairs: Array) -> Any:
            flat = [x.reshape(-1, *x.shape[2:]) for x in pairs]
            found = apply(name, *flat)
            return jax.tree.map(lambda x: x.reshape(2, -1, *x.shape[1:]), found)

        features = on_both("feature_encoder", images)
        if stage not in SEPARATING:
            return Maps(features, None, None, None, None)
        sees_true = config.model.attention == "true"
        attention: Any = (
            true_maps(landmarks, features)
            if sees_true
            else on_both("landmark_encoder", features).attention
        )
        background = on_both("background_generator", features)
        recombined = on_both("feature_generator", attention[::-1], background)
        again = attention
        if not sees_true:
            again = on_both("landmark_encoder", recombined).attention[::-1]
        reconstructed = on_both(
            "feature_generator", again, on_both("background_generator", recombined)
        )
        shown = attention.sum(axis=-1)
        return Maps(features, shown, background, recombined, reconstructed)

    found = jax.device_get(jax.jit(run)(images))
    return jax.tree.map(lambda x: np.asarray(x, np.float32), found)


def pooled(maps: Float[np.ndarray, "b f f c"]) -> Float[np.ndarray, "b c"]:
    """Return one vector per image."""
    return maps.mean(axis=(1, 2))
