"""DRIT, a method of domain adaptation to compare with the paper's.

Lee et al. 2018: AUs on source images that are translated to the target.

au-jax train --config=drit --workdir=runs/drit

:demo     On rendered faces, as long as joint:demo.
:tiny     As small as joint:tiny.
"""

from configs import joint


def get_config(variant: str = "") -> joint.Config:
    """Return the method as two stages, or a variant of it."""
    config = joint.get_config(variant)
    config.stages = ("drit", "drit_detector")
    return config
