"""E_f and E_au on labels alone: what adaptation is to be compared with.

python -m au_jax.main --config=configs/supervised.py --workdir=runs/floor

:source   labels of the source: the floor (also without a variant)
:target   labels of the target: the ceiling. Its train split has none, so four
          fifths of its validation split train and the last fifth validates

":target,tiny" is as small as in joint.py.
"""

from ml_collections import ConfigDict

from configs import joint


def get_config(variant: str = "source") -> ConfigDict:
    """The floor or the ceiling, in full or tiny."""
    domain, _, size = variant.partition(",")
    if domain == "tiny":
        domain, size = "source", "tiny"
    if domain not in ("source", "target") or size not in ("", "tiny"):
        raise ValueError(
            f"supervised.py has no variant {variant!r}; it has: source, target, tiny"
        )
    config = joint.get_config(size)
    config.stages = ("supervised",)
    config.supervised.domain = domain
    if domain == "target":
        config.data.target_splits = ("val[:80%]", "val[80%:]")
    return config
