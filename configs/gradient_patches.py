"""Gradient patches: source labels alone, on features that are not learned.

Histograms of gradients about the landmarks, and two dense layers: minutes on a CPU.
How it compares: docs/findings.md.

au-jax train --config=gradient_patches --workdir=runs/gradient_patches

:demo     On rendered faces, as long as joint:demo.
:tiny     As small as joint:tiny.
"""

from configs import joint


def get_config(variant: str = "") -> joint.Config:
    """Return the detector's training, or a variant of it."""
    config = joint.get_config(variant)
    config.stages = ("gradient_patches",)
    return config
