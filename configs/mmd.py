"""MMD, a method of domain adaptation to compare with the paper's.

Long et al. 2015: features with one distribution.

au-jax train --config=mmd --workdir=runs/mmd

:demo     On rendered faces, as long as joint:demo.
:tiny     As small as joint:tiny.
"""

from configs import joint


def get_config(variant: str = "") -> joint.Config:
    """Return the method and the stages that it starts from, or a variant of it."""
    config = joint.get_config(variant)
    config.stages = ("landmarks", "mmd")
    return config
