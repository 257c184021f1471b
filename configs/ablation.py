"""The ablation of the paper: models A, B and C (method.md section 7).

au-jax train --config=ablation:A --workdir=runs/A

:A        The baseline: no landmark branch, and only the features are aligned.
:B        A with the landmark branch and stage 1 (multi-task).
:C        The paper: all three alignments, with projectors. The same as joint.
:tiny     C, as small as joint:tiny.
:A,tiny   A of this size; B,tiny likewise.
"""

from configs import joint


def get_config(variant: str = "C") -> joint.Config:
    """Return one of the models, at full size or tiny."""
    model, _, size = variant.partition(",")
    if model == "tiny":
        model, size = "C", "tiny"
    if model not in ("A", "B", "C") or size not in ("", "tiny"):
        raise ValueError(
            f"ablation.py has no variant {variant!r}; it has: A, B, C, tiny, and"
            " A,tiny ..."
        )
    config = joint.get_config(size)
    if model != "C":
        config.model.projector = "none"
        config.loss.alignment_landmark = 0.0
        config.loss.alignment_background = 0.0
    if model == "A":
        config.stages = ("joint", "finetune")
        config.loss.landmark_regression = 0.0
    return config
