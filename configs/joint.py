"""The paper: landmarks first (stage 1), then joint training (stage 2).

    python -m au_jax.main --config=configs/joint.py --workdir=runs/joint

    :demo     both stages and the floor, on the rendered faces of au_jax.render; some
              ten minutes on a CPU with two cores
    :tiny     a minute on a CPU: a narrow model, few steps; for tests and first looks

Every default of the program is in this file; the other configs change a few lines.
"""

from ml_collections import ConfigDict


def get_config(variant: str = "") -> ConfigDict:
    """The paper's configuration (method.md section 5), or a variant of it."""
    config = ConfigDict()
    config.seed = 0
    # The stages in order: "landmarks" (1), "joint" (2), "finetune" (3), "supervised".
    config.stages = ("landmarks", "joint")
    config.log_every = 50  # steps
    config.checkpoint_every = 500  # steps; also at the end of each epoch
    config.wandb = ""  # a project of Weights & Biases, which gets the metrics, too
    config.on_nonfinite = "stop"  # where a loss or gradient is inf or NaN; or "skip"
    # Work directory, or a stage in it, of a run whose networks the stages start from.
    config.init_from = ""
    # Parts in which each batch is computed, one after the other, where memory is short.
    config.accumulation = 1
    config.max_steps_per_epoch = 0  # cuts epochs short, for tests; 0: the whole source

    config.data = _data()
    config.model = _model()
    config.loss = _loss()

    # Adam, per group of parameters.
    config.optim = ConfigDict()
    config.optim.task = _adam(1e-4, 0.95, 0.999)
    config.optim.generator = _adam(5e-5, 0.5, 0.9)
    config.optim.discriminator = _adam(5e-5, 0.5, 0.9)

    # Per stage: epochs of the source, batch per domain, and the factors by which the
    # learning rates above are multiplied, each for an equal share of the epochs.
    config.landmarks = _schedule(epochs=20, batch_size=8)
    config.joint = _schedule(epochs=12, batch_size=16, decay=(1.0, 2 / 3, 1 / 3))
    config.supervised = _schedule(epochs=12, batch_size=16, decay=(1.0, 2 / 3, 1 / 3))
    # Which labels `supervised` learns from: the floor ("source") or the ceiling.
    config.supervised.domain = "source"
    config.finetune = _schedule(epochs=4, batch_size=16)
    config.finetune.learning_rate = 1e-5  # of every group

    config.eval = ConfigDict()
    config.eval.batch_size = 32
    config.eval.at_end = ""  # a split to evaluate on when training is done: "test"

    if variant == "tiny":
        _shrink(config)
    elif variant == "demo":
        _demonstrate(config)
    elif variant:
        raise ValueError(f"joint.py has no variant {variant!r}; it has: demo, tiny")
    return config


def _data() -> ConfigDict:
    data = ConfigDict()
    data.data_dir = "prepared"
    data.source = "bp4d"
    data.target = "emotionet"
    # Splits by their names in the data; parts of them in brackets: "val[:80%]".
    data.source_splits = ("train", "val")
    data.target_splits = ("train", "val")
    data.aus = (1, 2, 4, 6, 12, 17)
    data.crop = 176  # pixels: a multiple of 16, at least 128
    data.num_workers = 0  # processes that read data; 0: threads of this one
    return data


def _model() -> ConfigDict:
    model = ConfigDict()
    model.width = 1.0  # of all networks; 1 is the paper
    model.reduction = 16  # CBAM's r
    model.projectors = True
    model.upsample = 1  # of both sides of an alignment pair; 4: "pixel level"
    model.dtype = "float32"  # of the networks' arithmetic; or "bfloat16"
    # Norms and activations are computed again for gradients: less memory, more time.
    model.remat = False
    return model


def _loss() -> ConfigDict:
    # Weights of the terms (method.md section 4); a term of weight 0 is not computed.
    loss = ConfigDict()
    loss.au = 1.0
    loss.landmark = 0.6
    loss.landmark_adversarial = 400.0
    loss.feature_adversarial = 1.2
    loss.alignment_feature = 100.0
    loss.alignment_landmark = 100.0
    loss.alignment_background = 100.0
    loss.landmark_regression = 0.1
    loss.cross_cycle = 0.0  # ADLD: 40
    loss.self_reconstruction = 0.0  # ADLD: 3
    return loss


def _adam(learning_rate: float, b1: float, b2: float) -> ConfigDict:
    return ConfigDict({"learning_rate": learning_rate, "b1": b1, "b2": b2})


def _schedule(
    epochs: int, batch_size: int, decay: tuple[float, ...] = (1.0,)
) -> ConfigDict:
    return ConfigDict({"epochs": epochs, "batch_size": batch_size, "decay": decay})


def _shrink(config: ConfigDict) -> None:
    config.model.width = 0.125
    config.data.crop = 128
    for stage in ("landmarks", "joint", "supervised", "finetune"):
        config[stage].epochs = 1
        config[stage].batch_size = 4
    config.eval.batch_size = 8
    config.log_every = 2
    config.max_steps_per_epoch = 8


def _demonstrate(config: ConfigDict) -> None:
    config.data.source = "faces_lab"
    config.data.target = "faces_wild"
    config.data.target_splits = ("train", "val[:50%]")
    config.data.crop = 128
    config.model.width = 0.25
    # "supervised" comes last: what the source's labels alone teach, on the same budget.
    config.stages = ("landmarks", "joint", "supervised")
    for stage in config.stages:
        config[stage].epochs = 5
        config[stage].batch_size = 8
    config.optim.task.learning_rate = 5e-4
    config.optim.generator.learning_rate = 2.5e-4
    config.optim.discriminator.learning_rate = 1e-4
    config.eval.batch_size = 50
    config.eval.at_end = "test"
