"""A model from a training run."""

import datetime
import importlib.metadata
from pathlib import Path
from typing import Any

import jax
import numpy as np

from au_jax import __version__
from au_jax.errors import UserError
from au_jax.evaluation import metrics
from au_jax.faces import align, detect
from au_jax.faces.detect import LandmarksBy
from au_jax.model_file import card as cards
from au_jax.model_file.file import Model, prune
from au_jax.types import Config
from au_jax.workdir import intensities, start_log, thresholds, validations
from au_jax.workdir.best_networks import best_networks, best_stage
from au_jax.workdir.config import read_config
from au_jax.workdir.json_file import read_json
from au_jax.workdir.target_path import target_path

_PACKAGES = ("jax", "flax", "numpy", "opencv-python-headless")


def load(workdir: Path, domain: str) -> Model:
    """Return the networks of a run that validated best on `domain`, with their card.

    Raises:
        UserError: the folder holds no run, or the run has not trained AUs yet.
    """
    config = read_config(workdir)
    stage = best_stage(config, workdir, domain)
    if stage not in cards.PREDICTORS:
        raise UserError(f"{workdir} has trained only {stage}, which predicts no AUs")
    variables, step = best_networks(stage, domain, config, workdir)
    values, au_path = _thresholds(workdir, config, stage, step)
    card = {
        "format": cards.FORMAT,
        "stage": stage,
        "networks": cards.describe_networks(config),
        "alignment": alignment(landmarks_by(workdir)),
        "path": _path(config, workdir, domain, stage, step),
        "thresholds": values,
        "thresholds_path": au_path,
        "usual": _usual(workdir, domain, stage, step),
        "intensity": _intensity(workdir, config, stage, step),
        "training": _training(config, workdir, domain, step),
        "versions": versions(),
    }
    return Model(card, jax.device_get(prune(variables)))


def _path(config: Config, workdir: Path, domain: str, stage: str, step: int) -> str:
    """Return the path that answers for the domain: by default, the model takes it."""
    if domain == "source":
        return "direct"
    return target_path(config, workdir, stage, step)


def landmarks_by(workdir: Path) -> LandmarksBy:
    """Return the method to find landmarks as a run saw them in training.

    It is that of the target or else of the source. True landmarks, or those of a file,
    have no method: then it is ours.
    """
    origins = start_log.landmarks_by(workdir)
    if not origins:
        return "dlib68"  # the only method of older versions
    both = (origins.get("target", ""), origins.get("source", ""))
    for origin in both:
        if detect.is_method(origin):
            return origin
    return detect.DEFAULT


def alignment(landmarks_by: LandmarksBy) -> dict[str, Any]:
    """Return the card's entry on how faces are cut out, as preparation does it."""
    return {
        "size": align.SIZE,
        "enlarge": align.ENLARGE,
        "border": align.BORDER,
        "detection": detect.METHOD,
        "landmarks_by": landmarks_by,
    }


def versions() -> dict[str, str]:
    """Return the versions of au_jax and its main packages, and today's date."""
    entries = {"au_jax": __version__}
    for name in _PACKAGES:
        try:
            entries[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:  # installed by another name
            continue
    return entries | {"made": datetime.date.today().isoformat()}


def _thresholds(
    workdir: Path, config: Config, stage: str, step: int
) -> tuple[list[float], str]:
    """Return the thresholds of `eval --calibrate` and the AU path they were chosen on.

    A run that was not calibrated has .5 for each AU, on no particular path.
    """
    calibrated = thresholds.read(workdir, config.data.aus)
    if calibrated is None:
        return [metrics.THRESHOLD] * len(config.data.aus), ""
    made_for = calibrated.stage, calibrated.step
    _check_made_for(made_for, (stage, step), workdir / thresholds.FILE, "--calibrate")
    return list(calibrated.values), calibrated.path


def _intensity(workdir: Path, config: Config, stage: str, step: int) -> dict[str, Any]:
    """Return the intensities of `eval --intensity`; {} if the run has none."""
    found = intensities.read(workdir, config.data.aus)
    if found is None:
        return {}
    made_for = found.stage, found.step
    _check_made_for(made_for, (stage, step), workdir / intensities.FILE, "--intensity")
    return {
        "path": found.path,
        "fitted_on": f"{found.data_set}, {found.split}",
        "probabilities": list(found.probabilities),
        "intensities": [v if v is None else list(v) for v in found.values],
    }


def _check_made_for(
    made_for: tuple[str, int], model: tuple[str, int], file: Path, flag: str
) -> None:
    """Check that a file of a run was made for the stage and step of the model."""
    if made_for != model:
        raise UserError(
            f"{file} was made for {made_for[0]}, step {made_for[1]}, but the model is"
            f" {model[0]}, step {model[1]}: run eval {flag} again, or remove the file"
        )


def _usual(
    workdir: Path, domain: str, stage: str, step: int
) -> dict[str, dict[str, list[float]]]:
    """Return by path the median answers on the validation split of a domain.

    "all" is over all faces. "neutral" is over those on which the AU is inactive: of the
    source where the domain has no such label. Runs of older versions stored no answers.
    """
    if step not in validations.steps(workdir, stage):
        return {}
    answers = validations.read(workdir, stage, step)
    own, source, found = answers[domain], answers["source"], {}
    for path, p in own.probabilities.items():
        neutral = []
        for au in range(p.shape[1]):
            choices = [(of.probabilities.get(path), of) for of in (own, source)]
            inactive = [
                values[:, au][of.known[:, au] & (of.aus[:, au] == 0)]
                for values, of in choices
                if values is not None
            ]
            neutral.append(next(filter(len, inactive), p[:, au]))
        everyone = np.median(p, axis=0)
        found[path] = {
            "all": [round(float(value), 6) for value in everyone],
            "neutral": [round(float(np.median(values)), 6) for values in neutral],
        }
    return found


def _training(config: Config, workdir: Path, domain: str, step: int) -> dict[str, Any]:
    """Return the card's entry on the training: data sets and scores, but no paths."""
    entry: dict[str, Any] = {
        "source": config.data.source,
        "target": config.data.target,
        "source_splits": list(config.data.source_splits),
        "target_splits": list(config.data.target_splits),
        "seed": config.seed,
        "step": step,
        "best_on": domain,
    }
    if datasets := start_log.datasets(workdir):
        entry["datasets"] = datasets
    if licences := start_log.licences(workdir):
        entry["licences"] = licences
    report = workdir / "eval.json"
    if report.is_file():
        entry["evaluation"] = read_json(report, "run au_jax.eval again")
    others = sorted(workdir.glob("eval-*.json"))  # on other sets, and by group
    if others:
        entry["evaluations"] = {
            other.stem.removeprefix("eval-"): read_json(other, "run au_jax.eval again")
            for other in others
        }
    return entry
