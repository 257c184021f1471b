"""DANN, a method of domain adaptation to compare with the paper's.

Ganin et al. 2016: features from which the domain cannot be told.

au-jax train --config=dann --workdir=runs/dann

:demo     On rendered faces, as long as joint:demo.
:tiny     As small as joint:tiny.
"""

from configs import joint


def get_config(variant: str = "") -> joint.Config:
    """Return the method and the stages that it starts from, or a variant of it."""
    config = joint.get_config(variant)
    config.stages = ("landmarks", "dann")
    return config
