"""Self-training with a mean teacher, to compare with the paper's method.

Tarvainen and Valpola 2017: the mean of a network over time labels the target for it.

au-jax train --config=mean_teacher --workdir=runs/mean_teacher

:joint    From the paper's networks instead of those of `supervised`.
:demo     On rendered faces, as long as joint:demo.
:tiny     As small as joint:tiny.
"""

from configs import joint


def get_config(variant: str = "") -> joint.Config:
    """Return the method and the stages that it starts from, or a variant of it."""
    start, _, size = variant.partition(",")
    if start != "joint":
        start, size = "supervised", variant
    if size not in ("", "demo", "tiny"):
        raise ValueError(
            f"mean_teacher.py has no variant {variant!r}; it has: joint, demo, tiny"
        )
    config = joint.get_config(size)
    config.stages = ("landmarks", start, "mean_teacher")
    config.supervised.from_landmarks = True
    return config
