"""T2Net, a method of domain adaptation to compare with the paper's.

Zheng, Cham and Cai 2018: AUs on source images that are translated to the target.

au-jax train --config=t2net --workdir=runs/t2net

:demo     On rendered faces, as long as joint:demo.
:tiny     As small as joint:tiny.
"""

from configs import joint


def get_config(variant: str = "") -> joint.Config:
    """Return the method and the stages that it starts from, or a variant of it."""
    config = joint.get_config(variant)
    config.stages = ("landmarks", "t2net")
    return config
