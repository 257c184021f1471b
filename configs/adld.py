"""ADLD (arXiv 1903.10143): no landmark branch, no projectors, its own reconstructions.

au-jax train --config=adld --workdir=runs/adld

:tiny     As small as joint:tiny.
"""

from configs import joint


def get_config(variant: str = "") -> joint.Config:
    """Return ADLD's losses and schedule (method.md sections 4 and 5), or a variant."""
    config = joint.get_config(variant)
    config.stages = ("joint",)
    config.model.projector = "none"
    config.loss.alignment = 0.0
    config.loss.landmark_regression = 0.0
    config.loss.cross_cycle = 40.0
    config.loss.self_reconstruction = 3.0
    if variant != "tiny":
        config.joint.epochs = 10
    # ADLD's schedule: lr * (1 - max(0, e + 1 - 5) / 6) for the epoch e, counted from 0.
    config.joint.decay = tuple(1 - max(0, e + 1 - 5) / 6 for e in range(10))
    return config
