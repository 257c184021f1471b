"""Stage 1 alone: the landmark detector.

au-jax train --config=landmarks --workdir=runs/landmarks

:tiny     As small as joint:tiny.
"""

from configs import joint


def get_config(variant: str = "") -> joint.Config:
    """Return stage 1 of the paper, at full size or tiny."""
    config = joint.get_config(variant)
    config.stages = ("landmarks",)
    return config
