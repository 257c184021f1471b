"""Gradient patches on photographs that were moved, which need nobody's labels.

`launch/release_model.sh` makes the data and the model; docs/findings.md has its scores.

au-jax train --config=release --workdir=runs/release

:tiny     As small as joint:tiny.
"""

from configs import gradient_patches, joint


def get_config(variant: str = "") -> joint.Config:
    """Return the training of this model, or a variant of it."""
    config = gradient_patches.get_config(variant)
    # Nothing is adapted, so the target is the source: its validation chooses.
    config.data.source = config.data.target = "reenacted"
    # Without 7, 14, 24 and 25, whose AUC on other sets is below .75 (docs/findings.md).
    config.data.aus = (1, 2, 4, 6, 10, 12, 15, 17, 23, 26, 43)
    if variant != "tiny":
        config.data.crop = 176
        config.model.width = 0.25
        config.gradient_patches.epochs = 8
    return config
