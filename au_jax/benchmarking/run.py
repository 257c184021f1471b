"""A benchmark run: its measurements in turn, then the table and the JSON file."""

import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

from au_jax.benchmarking import ahead_of_time, measures, profile, table
from au_jax.errors import UserError
from au_jax.runtime import console, processes
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
        stage: The stage of the config to measure.
        gpu: The GPU that "gpu" compiles for, a key of `gpus.GPUS`.
        repeats: Timed runs per measurement.
        out: A JSON file for the figures.

    Raises:
        UserError: the config has no such stage, or a measurement cannot be made.
    """
    config_checks.check_values(config)
    if stage not in config.stages:
        raise UserError(
            f"--stage={stage}: the config has the stages {', '.join(config.stages)}"
        )
    console.set_up_logging()
    processes.join("", 1, 0)
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


def describe_machine() -> dict[str, Any]:
    """Return the device and the versions that figures depend on."""
    return {
        "device": jax.devices()[0].device_kind,
        "devices": jax.device_count(),
        "jax": jax.__version__,
        "python": platform.python_version(),
    }
