"""Variants of the paper's model C: one change each, and one change for longer.

    au-jax compare --config=variants:small --workdir=runs/variants

The sizes, :demo, :small and :tiny, and all keys are those of configs/compare.py; but
:small has batches of 8, to run many variants with several seeds.
"""

from typing import Any

from ml_collections import ConfigDict

from configs import compare, joint

Change = tuple[str, dict[str, Any]]
"""A title, and what `compare.recipe` changes."""


def get_config(variant: str = "") -> joint.Config:
    """Return the comparison of C and its variants."""
    config = compare.get_config(variant)
    config.mean_of_paths = True
    if variant == "small":
        config.run.joint.batch_size = config.run.supervised.batch_size = 8
        config.run.finetune.batch_size = config.run.adabn.batch_size = 8
    changed = _variants(config.run)
    config.recipes.update(ConfigDict(changed))
    config.methods = (
        *("landmarks_alone", "patches", "source_only", "source_only_longer"),
        *("adld", "b", "c", *changed),
    )
    config.heads = ("landmarks",)
    return config


def _variants(run: joint.Config) -> dict[str, joint.Config]:
    """Return a recipe for each change of C."""
    recipes = {
        f"c_{name}": compare.recipe(title, "stage_1", "joint", **changes)
        for name, (title, changes) in {**_terms_and_readings(), **_pace(run)}.items()
    }
    recipes["source_only_four_times"] = compare.recipe(
        "source only, four times the steps",
        "stage_1",
        "supervised",
        **_longer(run, "supervised", 4),
    )
    recipes["c_from_scratch"] = compare.recipe("C without stage 1", "", "joint")
    recipes["c_finetuned"] = compare.recipe(
        "C, then stage 3", "c", "finetune", init_rule="source"
    )
    recipes["c_adabn"] = compare.recipe(
        "C, target's statistics", "c", "adabn", init_rule="source"
    )
    return recipes


def _terms_and_readings() -> dict[str, Change]:
    """Return C with another loss, or with another reading of the paper."""
    terms = (
        *("landmark", "landmark_adversarial", "feature_adversarial", "alignment"),
        "landmark_regression",
    )
    without = {
        f"no_{term}": (f"C without {term}", {"loss": {term: 0.0}}) for term in terms
    }
    return {
        **without,
        "weak_alignment": ("C, alignment 10", {"loss": {"alignment": 10.0}}),
        # A term that the paper leaves out.
        "self_reconstruction": (
            "C, self_reconstruction 3",
            {"loss": {"self_reconstruction": 3.0}},
        ),
        "no_projector": ("C without projectors", {"model": {"projector": "none"}}),
        "pixel": ("C, projectors to pixels", {"model": {"projector": "pixel"}}),
        "both": ("C, projectors on both sides", {"model": {"projector": "both"}}),
        "attention": (
            "C, attention aligned",
            {"loss": {"alignment_landmark_on": "attention"}},
        ),
        "live": ("C, live second round", {"model": {"second_round": "live"}}),
        "true_landmarks": (
            "C, maps of true landmarks",
            {"model": {"attention": "true"}},
        ),
    }


def _pace(run: joint.Config) -> dict[str, Change]:
    """Return C with other discriminators, rates or budgets."""
    return {
        # Discriminators that win less easily.
        "spectral_norm": (
            "C, spectral norm",
            {"discriminators": {"spectral_norm": True}},
        ),
        "r1": ("C, R1 of weight 1", {"discriminators": {"r1": 1.0}}),
        "every_fifth": (
            "C, discriminators at every fifth step",
            {"discriminators": {"every": 5}},
        ),
        "slow_discriminators": (
            "C, discriminators at a fifth of the rate",
            _rate(run, "discriminator", 0.2),
        ),
        # Rates are relative to those of the comparison.
        "fast_generators": (
            "C, generators at twice the rate",
            _rate(run, "generator", 2.0),
        ),
        "twice": ("C, twice the steps", _longer(run, "joint", 2)),
        "four_times": ("C, four times the steps", _longer(run, "joint", 4)),
        "spectral_norm_four_times": (
            "C, spectral norm, four times the steps",
            {"discriminators": {"spectral_norm": True}, **_longer(run, "joint", 4)},
        ),
    }


def _rate(run: joint.Config, group: str, factor: float) -> joint.Config:
    rate = factor * run.optim[group].learning_rate
    return {"optim": {group: {"learning_rate": rate}}}


def _longer(run: joint.Config, stage: str, factor: int) -> joint.Config:
    return {stage: {"epochs": factor * run[stage].epochs}}
