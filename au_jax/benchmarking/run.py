"""A benchmark run: its measurements in turn, then the table and the JSON file."""

import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

from au_jax.benchmarking import ahead_of_time, measures, profile, table
from au_jax.errors import UserError
from au_jax.runtime import console, devices, processes
from au_jax.runtime.files import write_whole
from au_jax.stages import STAGES
from au_jax.training import config_checks
from au_jax.training.run import open_data
from au_jax.types import Config


def run(
    config: Config,
    measurements: Sequence[str],
    *,
    stage: str,
    gpu: str,
    repeats: int,
    out: Path | None,
) -> None:
    """Run the measurements, print their figures, and write them to `out` if given.

    Args:
        config: The experiment.
        measurements: Names from `environment.MEASUREMENTS`.
        stage: The stage of the config to measure; "" for `main_stage`.
        gpu: The GPU that "gpu" compiles for, a key of `gpus.GPUS`.
        repeats: Timed runs per measurement.
        out: A JSON file for the figures.

    Raises:
        UserError: the config has no such stage, or a measurement cannot be made.
    """
    config_checks.check_values(config)
    stage = stage or main_stage(config.stages)
    if stage not in config.stages:
        raise UserError(
            f"--stage={stage}: the config has the stages {', '.join(config.stages)}"
        )
    console.set_up_logging()
    processes.join("", 1, 0)
    check_batch_size(config, measurements, stage)
    figures: dict[str, Any] = {"machine": describe_machine()}
    if "data" in measurements:
        splits = open_data(config).train
        chosen = [splits[domain] for domain in STAGES[stage].domains(config)]
        figures["data"] = measures.measure_data(chosen, config, stage, repeats)
    if "train" in measurements:
        figures["train"] = measures.measure_train_step(stage, config, repeats)
    if "predict" in measurements:
        figures["predict"] = measures.measure_prediction(stage, config, repeats)
    if "gpu" in measurements:
        figures["gpu"] = ahead_of_time.analyse_step(gpu, stage, config)
    if "profile" in measurements:
        figures["profile"] = profile.profile_train_step(stage, config, repeats)
    print(table.format_figures(figures))
    if out:
        write_whole(out, json.dumps(figures, indent=2) + "\n")


def main_stage(stages: Sequence[str]) -> str:
    """Return the stage that is measured by default: the paper's joint training.

    A config without it has its last stage measured.
    """
    return "joint" if "joint" in stages else stages[-1]


def check_batch_size(config: Config, measurements: Sequence[str], stage: str) -> None:
    """Check that the devices of each measurement of a step can share its batch.

    Raises:
        UserError: the batch size is not divisible.
    """
    key, parts = f"{stage}.batch_size", config.accumulation
    if {"train", "profile"} & {*measurements}:
        devices.check_batch_size(key, config[stage].batch_size, parts)
    if "gpu" in measurements:
        devices.check_batch_size(key, config[stage].batch_size, parts, count=1)


def describe_machine() -> dict[str, Any]:
    """Return the device and the versions that figures depend on."""
    return {
        "device": jax.devices()[0].device_kind,
        "devices": jax.device_count(),
        "jax": jax.__version__,
        "python": platform.python_version(),
    }
