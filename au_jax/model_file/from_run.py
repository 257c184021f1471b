"""From a training run to a model file."""

import datetime
import importlib.metadata
import json
from pathlib import Path
from typing import Any

import jax

import au_jax
from au_jax.errors import UserError
from au_jax.evaluation import metrics
from au_jax.faces import align, detect
from au_jax.model_file import card as cards
from au_jax.model_file.file import Model, prune
from au_jax.types import Config
from au_jax.workdir import thresholds
from au_jax.workdir.best_networks import best_networks, best_stage
from au_jax.workdir.config import read_config

_PACKAGES = ("jax", "flax", "numpy", "opencv-python-headless")


def pack(workdir: Path, domain: str) -> Model:
    """The networks of a run that validated best on `domain`, and their card.

    Raises:
        UserError: there is no such run, or nothing of it detects AUs.
    """
    config = read_config(workdir)
    stage = best_stage(config, workdir, domain)
    if stage not in cards.PREDICTORS:
        raise UserError(f"{workdir} has trained {stage} only, which finds no AUs")
    variables, step = best_networks(stage, domain, config, workdir)
    limits, path = _thresholds(workdir, config, stage, step)
    card = {
        "format": cards.FORMAT,
        "stage": stage,
        "networks": cards.pick_config(config),
        "alignment": alignment(),
        "thresholds": limits,
        "thresholds_path": path,
        "training": _training(config, workdir, domain, step),
        "versions": versions(),
    }
    host = jax.device_get(tuple(map(prune, variables)))
    return Model(card, *host)


def alignment() -> dict[str, Any]:
    """How faces are cut out, in preparation as in prediction."""
    return {
        "size": align.SIZE,
        "enlarge": align.ENLARGE,
        "border": align.BORDER,
        "detection": detect.METHOD,
    }


def _thresholds(
    workdir: Path, config: Config, stage: str, step: int
) -> tuple[list[float], str]:
    """The thresholds that `eval --calibrate` left and their path, else .5 each."""
    found = thresholds.read(workdir, config.data.aus)
    if found is None:
        return [metrics.THRESHOLD] * len(config.data.aus), ""
    if (found.stage, found.step) != (stage, step):
        raise UserError(
            f"{workdir / thresholds.FILE} is of {found.stage}, step {found.step}, the"
            f" model is of {stage}, step {step}: calibrate again, or remove the file"
        )
    return list(found.values), found.path


def _training(config: Config, workdir: Path, domain: str, step: int) -> dict[str, Any]:
    """Where the model comes from: names of data and figures, no paths."""
    told: dict[str, Any] = {
        "source": config.data.source,
        "target": config.data.target,
        "source_splits": list(config.data.source_splits),
        "target_splits": list(config.data.target_splits),
        "seed": config.seed,
        "step": step,
        "best_on": domain,
    }
    report = workdir / "eval.json"
    if report.is_file():
        told["evaluation"] = json.loads(report.read_text())
    return told


def versions() -> dict[str, str]:
    """Of this program and what it computes with, and the date."""
    told = {"au_jax": au_jax.__version__}
    for name in _PACKAGES:
        try:
            told[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:  # another build of it
            continue
    return told | {"made": datetime.date.today().isoformat()}
