"""Information maximisation, a method of domain adaptation to compare with the paper's.

Liang et al. 2020: answers that are sure, and vary over the target.

au-jax train --config=entropy --workdir=runs/entropy

:demo     On rendered faces, as long as joint:demo.
:tiny     As small as joint:tiny.
"""

from configs import joint


def get_config(variant: str = "") -> joint.Config:
    """Return the method and the stages that it starts from, or a variant of it."""
    config = joint.get_config(variant)
    config.stages = ("landmarks", "entropy")
    return config
