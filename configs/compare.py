"""All methods of the paper's tables, and others, on one budget (method.md section 9).

au-jax compare --config=compare --workdir=runs/compare

:demo     On the faces that `au-jax render` draws: a few minutes per run on two CPU
          cores.
:small    A narrow model and few steps, for small sets: up to ten minutes per run.
:tiny     A minimal run of every method, for tests.

--config.methods=c,dann     some rows only
--config.seeds=0,1,2        one run of each row per seed
--config.sweep.loss.landmark=.3,.6,1.2
                            also the paper's search: one weight at a time
"""

from typing import Any

from ml_collections import ConfigDict

from configs import adld, joint

# Rows without a network: see `au_jax/comparison/classical.py`.
CLASSICAL = (
    *("landmarks_alone", "landmarks_alone_centred", "hog", "hog_centred", "hog_coral"),
    *("hog_coral_centred", "hog_self_training", "hog_self_training_centred"),
    *("hog_recombined", "patches", "patches_centred", "patches_recombined"),
)


def get_config(variant: str = "") -> joint.Config:
    """Return the comparison at the paper's size, or a variant of it."""
    config: joint.Config = ConfigDict()
    config.methods = (
        *CLASSICAL,
        *("gradient_patches", "source_only_from_scratch", "source_only"),
        "source_only_longer",
        *("dann", "adda", "t2net", "drit"),
        *("adabn", "coral", "mmd", "entropy", "mean_teacher"),
        *("fab_net_probe", "fab_net", "tae_probe", "tae", "clp_probe", "clp"),
        *("adld", "a", "b", "c", "c_mean_teacher", "oracle"),
    )
    config.seeds = (0, 1, 2)
    config.heads = ("grid", "global")  # `model.au_pooling` of every method
    config.note = ""  # a line that stands above the tables
    config.split = "test"  # of both data sets; it never chooses anything
    # Resamples of subjects for the intervals of 95 %.
    config.bootstrap = 1000
    # One more row for the mean of the answers of both paths, where there are two.
    config.mean_of_paths = False
    # One more row for the answers without each person's own level (`centred`).
    config.centred = False

    # What every run shares: the keys of configs/joint.py.
    config.run = joint.get_config(variant if variant in ("demo", "tiny") else "")
    config.run.stages = ()
    config.run.supervised.from_landmarks = False  # recipes say where a run starts
    config.run.eval.at_end = ""
    config.run.eval.target_path = "best"
    config.recipes = _recipes()
    # Values of the weights of `c`, as "0.3,0.6": one more row for each.
    config.sweep = ConfigDict()
    weights = {k: v for k, v in config.run.loss.items() if isinstance(v, float)}
    config.sweep.loss = ConfigDict(dict.fromkeys(weights, ""))

    if variant == "small":
        _shrink(config.run)
        # The target's validation split is small; this makes about as many steps.
        config.recipes.oracle.changes.supervised.epochs = 11
    elif variant == "demo":
        for stage in joint.STAGES:
            config.run[stage].epochs = min(config.run[stage].epochs, 2)
        config.run.t2net.batch_size, config.run.drit.batch_size = 4, 2
        config.run.tae.batch_size = config.run.clp.batch_size = 4
        config.run.max_steps_per_epoch = 180  # as many as all others
        # The training split of the drawn target has labels: as many steps as others.
        oracle = config.recipes.oracle.changes
        oracle.data.target_splits = config.run.data.target_splits
    elif variant == "tiny":
        config.seeds, config.heads, config.bootstrap = (0,), ("grid",), 20
        config.run.max_steps_per_epoch = 2
    elif variant:
        raise ValueError(
            f"compare.py has no variant {variant!r}; it has: demo, small, tiny"
        )
    return config


def recipe(
    title: str,
    start: str,
    *stages: str,
    shared: bool = False,
    **changes: Any,
) -> joint.Config:
    """Return how to train a method.

    Args:
        title: The name in the tables.
        start: The recipe whose networks the first stage starts from, or "".
        stages: The stages to train.
        shared: True if one run serves all heads: its networks have no AU head, or one
            that is the method's own.
        changes: Other values than those of `config.run`, by group.
    """
    return ConfigDict(
        {
            "title": title,
            "start": start,
            "stages": stages,
            "shared": shared,
            "changes": ConfigDict(changes),
        }
    )


def _recipes() -> joint.Config:
    no_alignment = {"alignment_landmark": 0.0, "alignment_background": 0.0}
    plain = {"projector": "none"}
    of_adld = adld.get_config().loss.to_dict()
    target_labels = {"target_splits": ("val[:80%]", "val[80%:]")}
    recipes = {
        "stage_1": recipe("stage 1", "", "landmarks", shared=True),
        "gradient_patches": recipe(
            "gradient patches", "", "gradient_patches", shared=True
        ),
        "self_training": recipe(
            "gradient patches, self-training",
            "gradient_patches",
            "self_training",
            shared=True,
        ),
        "source_only_from_scratch": recipe(
            "source only, from scratch", "", "supervised"
        ),
        "source_only": recipe("source only", "stage_1", "supervised"),
        # The floor of the methods that start from `source_only`.
        "source_only_longer": recipe(
            "source only, twice the steps", "source_only", "supervised"
        ),
        "adda": recipe("ADDA", "source_only", "adda"),
        "adabn": recipe("AdaBN", "source_only", "adabn"),
        "mean_teacher": recipe("mean teacher", "source_only", "mean_teacher"),
        "t2net": recipe("T2Net", "stage_1", "t2net"),
        "drit": recipe("DRIT", "stage_1", "drit", "drit_detector"),
        "dann": recipe("DANN", "stage_1", "dann"),
        "coral": recipe("CORAL", "stage_1", "coral"),
        "mmd": recipe("MMD", "stage_1", "mmd"),
        "entropy": recipe("entropy", "stage_1", "entropy"),
        "adld": recipe("ADLD", "stage_1", "joint", model=plain, loss=of_adld),
        "a": recipe(
            "A",
            "",
            "joint",
            model=plain,
            loss={**no_alignment, "landmark_regression": 0.0},
        ),
        "b": recipe("B", "stage_1", "joint", model=plain, loss=no_alignment),
        "c": recipe("C, the paper's", "stage_1", "joint"),
        # Labels of the target must not choose the checkpoint that it starts from.
        "c_mean_teacher": recipe(
            "C, then mean teacher", "c", "mean_teacher", init_rule="source"
        ),
        **_embeddings(),
        "oracle": recipe(
            "target labels (oracle)",
            "stage_1",
            "supervised",
            data=target_labels,
            supervised={"domain": "target"},
        ),
    }
    return ConfigDict(recipes)


def _embeddings() -> dict[str, joint.Config]:
    """Return the recipes without labels: the embedding, its probe, its fine-tuning."""
    recipes = {}
    for name, title in (("fab_net", "FAb-Net"), ("tae", "TAE"), ("clp", "CLP")):
        recipes[f"{name}_embedding"] = recipe(title, "", name, shared=True)
        recipes[f"{name}_probe"] = recipe(
            f"{title}, linear probe", f"{name}_embedding", "linear_probe"
        )
        recipes[name] = recipe(title, f"{name}_embedding", "supervised")
    return recipes


def _shrink(run: joint.Config) -> None:
    """Set the size of the tables in docs/results.md."""
    run.data.crop = 128
    run.model.width = 0.25
    # Half of a pass over 2,447 images: four checkpoints to choose from in two passes.
    run.max_steps_per_epoch = 76
    for stage in joint.STAGES:
        run[stage].epochs = 4
        run[stage].batch_size = 16
    # Images take longer to translate than to encode.
    run.t2net.batch_size, run.drit.batch_size = 4, 2
    run.tae.batch_size = run.clp.batch_size = 8
    run.landmarks.epochs = 10
    run.adabn.epochs = 1
    run.optim.task.learning_rate = 5e-4
    run.landmarks.learning_rate = 5e-4
    run.optim.generator.learning_rate = 2.5e-4
    run.optim.discriminator.learning_rate = 2.5e-4
    run.eval.batch_size = 64
