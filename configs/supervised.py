"""E_f and E_au trained on labels alone, for comparison with domain adaptation.

au-jax train --config=supervised --workdir=runs/floor

:source        Labels of the source: the floor. The default.
:target        Labels of the target: the ceiling. The target's training split has no
               labels, so the first four fifths of its validation split train the
               networks, and the last fifth validates them.
:tiny          The floor, as small as joint:tiny.
:target,tiny   The ceiling, as small as joint:tiny.
"""

from configs import joint


def get_config(variant: str = "source") -> joint.Config:
    """Return the floor or the ceiling, at full size or tiny."""
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
