"""The ablation of the paper: models A, B and C (method.md section 7).

python -m au_jax.main --config=configs/ablation.py:A --workdir=runs/A

:A    baseline: no landmark branch; of the alignment only that of the features
:B    A and the landmark branch, with stage 1 (multi-task)
:C    the paper: all three alignments, with projectors (as configs/joint.py)

":A,tiny" is A as small as in joint.py.
"""

from ml_collections import ConfigDict

from configs import joint


def get_config(variant: str = "C") -> ConfigDict:
    """One of the models, in full or tiny."""
    model, _, size = variant.partition(",")
    if model not in ("A", "B", "C") or size not in ("", "tiny"):
        raise ValueError(
            f"ablation.py has no variant {variant!r}; it has: A, B, C, and A,tiny ..."
        )
    config = joint.get_config(size)
    if model != "C":
        config.model.projectors = False
        config.loss.alignment_landmark = 0.0
        config.loss.alignment_background = 0.0
    if model == "A":
        config.stages = ("joint",)
        config.loss.landmark_regression = 0.0
    return config
