"""Measures how fast training, prediction and reading are on this machine.

    python -m au_jax.benchmark --config=configs/joint.py --what=train,predict

Prints a table; --out=FILE stores the figures as JSON. `train` and `predict` need no
data; `data` reads those that the config names. `gpu` compiles a training step for the
GPU that --gpu names, and counts what it consists of; it takes XLA's compiler for CUDA
(requirements/cuda13.txt), but no GPU. `profile` says where the time of a training step
goes on a CPU, by kind of operation, on one core.
"""

import functools
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import app, flags
from ml_collections import config_flags

from au_jax.errors import UserError, run_program
from au_jax.runtime import command_line

CONFIG = config_flags.DEFINE_config_file(
    "config", None, "the experiment, a file of configs/", lock_config=True
)
KINDS = ("train", "predict", "data", "gpu", "profile")
WHAT = flags.DEFINE_list("what", ["train", "predict"], f"of {', '.join(KINDS)}")
STAGE = flags.DEFINE_string("stage", None, "which stage (default: the config's last)")
GPU = flags.DEFINE_enum(
    "gpu", "h100", ["rtx2080ti", "a100", "h100"], "for which `gpu` compiles"
)
# Of XLA: without a GPU there is nothing to try kernels on.
NO_TRIALS = "--xla_gpu_autotune_level=0"
REPEATS = flags.DEFINE_integer("repeats", 10, "how often each is measured", 1)
OUT = flags.DEFINE_string("out", None, "a JSON file for the figures")


def main(argv: Sequence[str]) -> int:
    """Measures what was asked for, one after the other."""
    del argv
    assert WHAT.value is not None
    check_what(WHAT.value)
    if "profile" in WHAT.value:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # JAX counts its cores
        os.environ["JAX_PLATFORMS"] = "cpu"
    if "gpu" in WHAT.value:  # read when JAX is loaded
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {NO_TRIALS}"
        os.environ.setdefault("JAX_SKIP_CUDA_CONSTRAINTS_CHECK", "1")
    from au_jax.benchmarking import ahead_of_time, measures, profile
    from au_jax.runtime import console, processes
    from au_jax.training import config_checks
    from au_jax.training.run import open_data

    config, repeats = CONFIG.value, REPEATS.value
    assert repeats is not None
    config_checks.check_values(config)
    stage = STAGE.value or config.stages[-1]
    if stage not in config.stages:
        raise UserError(
            f"--stage={stage}: the config has the stages {', '.join(config.stages)}"
        )
    console.set_up_logging()
    processes.join("", 1, 0)
    figures: dict[str, Any] = {"machine": machine()}
    if "data" in WHAT.value:
        splits = open_data(config).train
        domains = measures.STAGES[stage].domains(config)
        chosen = [splits[domain] for domain in domains]
        figures["data"] = measures.data(chosen, config, stage, repeats)
    if "train" in WHAT.value:
        figures["train"] = measures.train(stage, config, repeats)
    if "predict" in WHAT.value:
        figures["predict"] = measures.predict(stage, config, repeats)
    if "gpu" in WHAT.value:
        figures["gpu"] = ahead_of_time.describe(GPU.value or "", stage, config)
    if "profile" in WHAT.value:
        figures["profile"] = profile.profile(stage, config, repeats)
    show(figures)
    if OUT.value:
        Path(OUT.value).write_text(json.dumps(figures, indent=2) + "\n")
    return 0


def check_what(what: list[str]) -> None:
    """Raises a `UserError` for a --what that cannot be."""
    given = f"--what={','.join(what)}"
    if not what or set(what) - set(KINDS):
        raise UserError(f"{given}: give some of {', '.join(KINDS)}")
    if "profile" in what:
        if len(what) > 1:
            raise UserError(f"{given}: profile takes one core only; give it alone")
        if not hasattr(os, "sched_setaffinity"):
            raise UserError(f"{given}: profile needs Linux, to keep to one core")


def machine() -> dict[str, Any]:
    """What it was measured on."""
    import jax

    return {
        "device": jax.devices()[0].device_kind,
        "devices": jax.device_count(),
        "jax": jax.__version__,
        "python": platform.python_version(),
    }


def show(figures: dict[str, Any]) -> None:
    """The figures in lines, and the one that says how good they are."""
    for what, values in figures.items():
        print(what)
        for name, value in values.items():
            if isinstance(value, dict):
                text = ", ".join(f"{key} {_number(x)}" for key, x in value.items())
            else:
                text = _number(value)
            print(f"  {name.replace('_', ' ')}: {text}")
        if (fraction := values.get("fraction_of_matrix_product_rate")) is not None:
            print(f"fraction of matrix-product rate: {fraction:.2f}")


def _number(value: Any) -> str:
    return f"{value:,.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    parse = functools.partial(command_line.parse, required=("config",))
    run_program(lambda: app.run(main, flags_parser=parse))
