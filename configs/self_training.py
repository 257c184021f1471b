"""Gradient patches, then self-training on the target's images without labels.

What it gains, and where it does not: docs/findings.md.

au-jax train --config=self_training --workdir=runs/self_training

:demo     On rendered faces, as long as joint:demo.
:tiny     As small as joint:tiny.
"""

from configs import joint


def get_config(variant: str = "") -> joint.Config:
    """Return the training of both stages, or a variant of it."""
    config = joint.get_config(variant)
    config.stages = ("gradient_patches", "self_training")
    config.gradient_patches.dropout = 0.5
    return config
