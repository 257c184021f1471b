"""Variants of the paper's model C, one change each, on one budget.

    au-jax compare --config=variants:small --workdir=runs/variants

The sizes, :demo, :small and :tiny, and all keys are those of configs/compare.py.
"""

from ml_collections import ConfigDict

from configs import compare, joint


def get_config(variant: str = "") -> joint.Config:
    """Return the comparison of C and its variants."""
    config = compare.get_config(variant)
    changed = _variants(config.run)
    config.recipes.update(changed)
    config.methods = ("source_only", "c", *changed, "adld")
    config.heads = ("landmarks",)
    return config


def _variants(run: joint.Config) -> joint.Config:
    """Return a recipe for each change of C."""
    titles_and_changes = {
        # Each term of the loss off.
        "no_landmark": ("C without landmark", {"loss": {"landmark": 0.0}}),
        "no_landmark_adversarial": (
            "C without landmark_adversarial",
            {"loss": {"landmark_adversarial": 0.0}},
        ),
        "no_feature_adversarial": (
            "C without feature_adversarial",
            {"loss": {"feature_adversarial": 0.0}},
        ),
        "no_alignment": ("C without alignment", {"loss": {"alignment": 0.0}}),
        "no_landmark_regression": (
            "C without landmark_regression",
            {"loss": {"landmark_regression": 0.0}},
        ),
        "weak_alignment": ("C, alignment 10", {"loss": {"alignment": 10.0}}),
        # A term that the paper leaves out.
        "self_reconstruction": (
            "C, self_reconstruction 3",
            {"loss": {"self_reconstruction": 3.0}},
        ),
        # Readings of the paper.
        "no_projector": ("C without projectors", {"model": {"projector": "none"}}),
        "pixel": ("C, projectors to pixels", {"model": {"projector": "pixel"}}),
        "both": ("C, projectors on both sides", {"model": {"projector": "both"}}),
        "attention": (
            "C, attention aligned",
            {"loss": {"alignment_landmark_on": "attention"}},
        ),
        # Rates, relative to those of the comparison.
        "slow_discriminators": (
            "C, discriminators at a fifth of the rate",
            _rate(run, "discriminator", 0.2),
        ),
        "fast_generators": (
            "C, generators at twice the rate",
            _rate(run, "generator", 2.0),
        ),
        # Budgets.
        "twice": ("C, twice the steps", _longer(run, 2)),
        "four_times": ("C, four times the steps", _longer(run, 4)),
    }
    recipes = {
        f"c_{name}": compare.recipe(title, "stage_1", "joint", **changes)
        for name, (title, changes) in titles_and_changes.items()
    }
    recipes["c_from_scratch"] = compare.recipe("C without stage 1", "", "joint")
    recipes["c_finetuned"] = compare.recipe(
        "C, then stage 3", "c", "finetune", init_rule="source"
    )
    recipes["c_adabn"] = compare.recipe(
        "C, target's statistics", "c", "adabn", init_rule="source"
    )
    return ConfigDict(recipes)


def _rate(run: joint.Config, group: str, factor: float) -> joint.Config:
    rate = factor * run.optim[group].learning_rate
    return {"optim": {group: {"learning_rate": rate}}}


def _longer(run: joint.Config, factor: int) -> joint.Config:
    return {"joint": {"epochs": factor * run.joint.epochs}}
