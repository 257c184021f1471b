"""AdaBN, a method of domain adaptation to compare with the paper's.

Li et al. 2016: the target's statistics in a network of the source.

au-jax train --config=adabn --workdir=runs/adabn

:demo     On rendered faces, as long as joint:demo.
:tiny     As small as joint:tiny.
"""

from configs import joint


def get_config(variant: str = "") -> joint.Config:
    """Return the method and the stages that it starts from, or a variant of it."""
    config = joint.get_config(variant)
    config.stages = ("landmarks", "supervised", "adabn")
    config.supervised.from_landmarks = True
    return config
