"""CORAL, a method of domain adaptation to compare with the paper's.

Sun and Saenko 2016: features with equal covariances.

au-jax train --config=coral --workdir=runs/coral

:demo     On rendered faces, as long as joint:demo.
:tiny     As small as joint:tiny.
"""

from configs import joint


def get_config(variant: str = "") -> joint.Config:
    """Return the method and the stages that it starts from, or a variant of it."""
    config = joint.get_config(variant)
    config.stages = ("landmarks", "coral")
    return config
