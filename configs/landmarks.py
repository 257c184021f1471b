"""Stage 1 alone: the landmark detector.

python -m au_jax.main --config=configs/landmarks.py --workdir=runs/landmarks

:tiny     as in joint.py
"""

from ml_collections import ConfigDict

from configs import joint


def get_config(variant: str = "") -> ConfigDict:
    """Stage 1 of the paper, in full or tiny."""
    config = joint.get_config(variant)
    config.stages = ("landmarks",)
    return config
