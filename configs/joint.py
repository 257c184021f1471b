"""The paper: landmark training (stage 1), joint training (2), fine-tuning (3).

    au-jax train --config=joint --workdir=runs/joint

    :demo     Stages 1 and 2 and the supervised baseline, on the faces that
              `au-jax render` draws; README.md says how long it takes.
    :tiny     A narrow model and few steps for tests and first looks: a minute on a CPU.

This file holds every default of the program; the other configs change a few lines.
"""

from typing import Any

from ml_collections import ConfigDict

# ml_collections types the values of a config as plain ones, never as configs.
Config = Any


# The weight of a method's own terms, by method.
METHODS = {"dann": 1.0, "coral": 1.0, "mmd": 1.0, "entropy": 0.1}
STAGES = (
    *("landmarks", "joint", "finetune", "supervised", *METHODS),
    *("gradient_patches", "self_training"),
    *("adda", "adabn", "mean_teacher"),
    *("fab_net", "tae", "clp", "linear_probe"),
    *("t2net", "drit", "drit_detector"),
)


def get_config(variant: str = "") -> Config:
    """Return the paper's configuration (method.md section 5), or a variant of it."""
    config: Config = ConfigDict()
    config.seed = 0
    # Stages in order: "landmarks" (1), "joint" (2), "finetune" (3), "supervised"; or
    # another method: "dann", "coral", "mmd", "entropy", "adda", "adabn",
    # "mean_teacher", "t2net", "drit" with "drit_detector"; or one that learns without
    # labels: "fab_net", "tae" or "clp" with "linear_probe"; or, without learned
    # features, "gradient_patches", and then "self_training".
    config.stages = ("landmarks", "joint", "finetune")
    config.log_every = 50  # steps
    config.checkpoint_every = 500  # steps; also at the end of each epoch
    config.wandb = ""  # a project of Weights & Biases that gets the metrics, too
    config.on_nonfinite = "stop"  # or "skip": for a loss or gradient of inf or NaN
    # The stages start from the networks of another run: its work directory, or a stage
    # in it.
    config.init_from = ""
    # The rule that chooses its checkpoint: "source", "target" or "label_free". With "",
    # it is the source for a stage that learns from the source alone, else the target.
    config.init_rule = ""
    # Each batch is computed in so many parts, one after the other, to save memory.
    config.accumulation = 1
    config.max_steps_per_epoch = 0  # shortens epochs, for tests; 0: the whole source

    config.data = _data()
    config.model = _model()
    config.loss = _loss()

    # Adam for each group of parameters.
    config.optim = ConfigDict()
    config.optim.task = _adam(1e-4, 0.95, 0.999)
    config.optim.generator = _adam(5e-5, 0.5, 0.9)
    config.optim.discriminator = _adam(5e-5, 0.5, 0.9)

    # The discriminators of `joint`; the paper has none of these.
    config.discriminators = ConfigDict()
    config.discriminators.every = 1  # steps from one of their updates to the next
    config.discriminators.spectral_norm = False
    config.discriminators.r1 = 0.0  # the weight of R1, for the domain discriminators

    _add_stages(config)

    config.eval = ConfigDict()
    config.eval.batch_size = 32  # images, over all devices
    config.eval.at_end = ""  # a split to evaluate after training, such as "test"
    # The path that answers for the target, chooses its checkpoints and is calibrated:
    # "reconstructed" (ADLD's), "direct", or "best": the one that validates better.
    config.eval.target_path = "reconstructed"
    # The score that chooses a checkpoint without labels of the target: "entropy",
    # "information", "nuclear_norm", "snd" or "co_occurrence".
    config.eval.label_free = "information"

    if variant == "tiny":
        _shrink(config)
    elif variant == "demo":
        _demonstrate(config)
    elif variant:
        raise ValueError(f"joint.py has no variant {variant!r}; it has: demo, tiny")
    return config


def get_embedding_config(stage: str, variant: str) -> Config:
    """Return the config of a stage that learns without labels, and what measures it.

    Args:
        stage: "fab_net", "tae" or "clp".
        variant: "probe" or "finetune", a variant of this file, or both with a comma.
    """
    after, _, size = variant.partition(",")
    if after in ("tiny", "demo"):
        after, size = "probe", after
    if after not in ("probe", "finetune") or size not in ("", "tiny", "demo"):
        raise ValueError(
            f"{stage}.py has no variant {variant!r}; it has: probe, finetune, demo,"
            " tiny"
        )
    config = get_config(size)
    last = "linear_probe" if after == "probe" else "supervised"
    config.stages = (stage, last)
    config.supervised.from_landmarks = False
    return config


def _add_stages(config: Config) -> None:
    """Add the schedule of each stage."""
    # For each stage: epochs of the source, batch size per domain, and factors of the
    # learning rates, each for an equal share of the epochs. The rates are those of
    # `optim`, unless a stage has one of its own, for every group.
    thirds = (1.0, 2 / 3, 1 / 3)
    config.landmarks = _schedule(epochs=20, batch_size=8)
    config.landmarks.learning_rate = 1e-4
    config.joint = _schedule(epochs=12, batch_size=16, decay=thirds)
    config.finetune = _schedule(epochs=4, batch_size=16)
    config.finetune.learning_rate = 1e-5
    config.supervised = _schedule(epochs=12, batch_size=16, decay=thirds)
    # The labels that `supervised` learns from: "source" (the floor) or "target" (the
    # ceiling).
    config.supervised.domain = "source"
    # Start from the networks of `landmarks`, as the methods of domain adaptation do.
    config.supervised.from_landmarks = False
    config.gradient_patches = _schedule(epochs=4, batch_size=16, decay=thirds)
    config.gradient_patches.learning_rate = 5e-4
    # The share of the landmarks whose patches a step leaves out. With .5, longer
    # trainings pay (docs/findings.md); docs/results.md has those without it.
    config.gradient_patches.dropout = 0.0
    config.self_training = _schedule(epochs=4, batch_size=16, decay=thirds)
    config.self_training.learning_rate = 5e-4
    config.self_training.dropout = 0.5
    config.self_training.weight = 0.5
    config.self_training.share = 0.5  # of the target's answers that become labels
    # Other methods, on the budget of `joint`; `weight` is that of a method's own terms.
    for method, weight in METHODS.items():
        config[method] = _schedule(epochs=12, batch_size=16, decay=thirds)
        config[method].weight = weight
    _add_other_methods(config, thirds)


def _add_other_methods(config: Config, thirds: tuple[float, ...]) -> None:
    """Add the schedules of the stages that start from `supervised`, and of others."""
    config.adda = _schedule(epochs=3, batch_size=16)
    config.adabn = _schedule(epochs=1, batch_size=16)
    config.mean_teacher = _schedule(epochs=6, batch_size=16)
    config.mean_teacher.weight = 1.0
    config.mean_teacher.momentum = 0.99  # of the teacher
    config.mean_teacher.share = 0.5  # of the target's answers that become labels
    # Translation of images; the weights are those of official code, except `au`'s.
    config.t2net = _schedule(epochs=12, batch_size=16, decay=thirds)
    config.t2net.loss = ConfigDict(
        {
            "au": 10.0,
            "image_adversarial": 1.0,
            "identity": 100.0,
            "feature_adversarial": 0.1,
        }
    )
    config.drit = _schedule(epochs=12, batch_size=8)
    config.drit.learning_rate = 1e-4
    config.drit.loss = ConfigDict(
        {
            "swapped_adversarial": 1.0,
            "random_adversarial": 1.0,
            "content_adversarial": 1.0,
            "cross_cycle": 10.0,
            "self_reconstruction": 10.0,
            "attribute_regression": 10.0,
            "attribute_divergence": 0.01,
            "content_size": 0.01,
        }
    )
    config.drit_detector = _schedule(epochs=12, batch_size=16, decay=thirds)
    # Without labels, on clips of the source; the batch size counts clips.
    config.fab_net = _schedule(epochs=12, batch_size=16)
    config.tae = _schedule(epochs=12, batch_size=16)
    config.tae.loss = ConfigDict(
        {
            "reconstruction": 10.0,
            "pose_kept": 1.0,
            "aus_kept": 1.0,
            "cycle": 1.0,
            "sparsity": 0.1,
        }
    )
    config.clp = _schedule(epochs=12, batch_size=8)
    config.clp.momentum = 0.99  # of the encoder that makes keys
    config.linear_probe = _schedule(epochs=10, batch_size=16)
    config.linear_probe.learning_rate = 1e-3


def _data() -> Config:
    data: Config = ConfigDict()
    data.data_dir = "prepared"
    # A data set, or several with + between them: "bp4d+disfa".
    data.source = "bp4d"
    data.target = "emotionet"
    # Training and validation splits; brackets take a part of one: "val[:80%]".
    data.source_splits = ("train", "val")
    data.target_splits = ("train", "val")
    data.aus = (1, 2, 4, 6, 12, 17)
    data.crop = 176  # pixels: a multiple of 16, at least 128
    # The share of the training images that are made darker or brighter, blurred, noisy
    # or compressed. Clips stay as they are.
    data.degraded = 0.0
    data.num_workers = 0  # processes that read data; 0: threads of this process
    return data


def _model() -> Config:
    model: Config = ConfigDict()
    model.width = 1.0  # of all networks; 1 is the paper
    model.reduction = 16  # CBAM's r
    # The projectors of the alignment: "none"; "identity_init", a 1x1 convolution of the
    # reconstructed side; "pixel", a learned magnification to the pixels of the crop;
    # "both", one rotation of both sides.
    model.projector = "identity_init"
    # The AU branches average their maps to one cell ("global", ADLD) or 8 x 8 ("grid"),
    # or they see the landmarks, and patches about them ("landmarks").
    model.au_pooling = "global"
    # The landmarks that the feature generator gets: the "detected" ones of E_l, or the
    # "true" ones, by which the face was aligned.
    model.attention = "detected"
    # The second separation and recombination: "detached" from the first, or "live".
    model.second_round = "detached"
    model.resting_patches = False  # True: gradient patches also where no AU moves them
    model.dtype = "float32"  # or "bfloat16": the arithmetic of the networks
    # Compute norms and activations again for gradients: less memory, more time.
    model.remat = False
    return model


def _loss() -> Config:
    # Weights of the terms (method.md section 4). A term of weight 0 is not computed.
    loss: Config = ConfigDict()
    loss.au = 1.0
    loss.landmark = 0.6
    loss.landmark_adversarial = 400.0
    loss.feature_adversarial = 1.2
    loss.alignment = 100.0  # multiplies the three terms of L_c
    loss.alignment_feature = 1.0
    loss.alignment_landmark = 1.0
    loss.alignment_background = 1.0
    # Where `alignment_landmark` compares: "features" of E_l (64 channels), or the
    # "attention" that enters the feature generator (1 channel).
    loss.alignment_landmark_on = "features"
    loss.landmark_regression = 0.1
    loss.cross_cycle = 0.0  # ADLD: 40
    loss.self_reconstruction = 0.0  # ADLD: 3
    return loss


def _adam(learning_rate: float, b1: float, b2: float) -> Config:
    return ConfigDict({"learning_rate": learning_rate, "b1": b1, "b2": b2})


def _schedule(
    epochs: int, batch_size: int, decay: tuple[float, ...] = (1.0,)
) -> Config:
    return ConfigDict({"epochs": epochs, "batch_size": batch_size, "decay": decay})


def _shrink(config: Config) -> None:
    config.model.width = 0.125
    config.data.crop = 128
    for stage in STAGES:
        config[stage].epochs = 1
        config[stage].batch_size = 4
    config.eval.batch_size = 8
    config.log_every = 2
    config.max_steps_per_epoch = 8


def _demonstrate(config: Config) -> None:
    config.data.source = "faces_lab"
    config.data.target = "faces_wild"
    config.data.target_splits = ("train", "val[:50%]")
    config.data.crop = 128
    config.model.width = 0.25
    # "supervised" shows what the source's labels alone teach, on the same budget and
    # from the same start.
    config.stages = ("landmarks", "joint", "supervised")
    config.supervised.from_landmarks = True
    for stage in STAGES:
        config[stage].epochs = 5
        config[stage].batch_size = 8
    config.optim.task.learning_rate = 5e-4
    config.landmarks.learning_rate = 5e-4
    config.optim.generator.learning_rate = 2.5e-4
    config.optim.discriminator.learning_rate = 1e-4
    config.finetune.epochs, config.adda.epochs, config.adabn.epochs = 2, 2, 1
    config.eval.batch_size = 50
    config.eval.at_end = "test"
