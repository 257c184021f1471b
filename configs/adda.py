"""ADDA, a method of domain adaptation to compare with the paper's.

Tzeng et al. 2017: an encoder of the target for a network of the source.

au-jax train --config=adda --workdir=runs/adda

:demo     On rendered faces, as long as joint:demo.
:tiny     As small as joint:tiny.
"""

from configs import joint


def get_config(variant: str = "") -> joint.Config:
    """Return the method and the stages that it starts from, or a variant of it."""
    config = joint.get_config(variant)
    config.stages = ("landmarks", "supervised", "adda")
    config.supervised.from_landmarks = True
    return config
