"""Thresholds of a run: for each AU the one with the highest F1 on a split."""

from pathlib import Path

import jax
import numpy as np
from jaxtyping import Bool, Float
from rich.console import Console
from rich.table import Table
from sklearn import metrics as sk

from au_jax.data import split as data_split
from au_jax.errors import UserError
from au_jax.evaluation import inference, metrics
from au_jax.evaluation.report import percent
from au_jax.evaluation.run import best_stage
from au_jax.runtime import devices
from au_jax.stages import STAGES
from au_jax.types import Variables
from au_jax.workdir import thresholds
from au_jax.workdir.networks import best_networks, read_config
from au_jax.workdir.thresholds import Thresholds


def best_threshold(
    probabilities: Float[np.ndarray, "n"], active: Bool[np.ndarray, "n"]
) -> float:
    """The threshold t whose decisions `probability >= t` have the highest F1.

    The middle of the gap below the best score, so that rounding moves no decision;
    .5 where nothing is active.
    """
    if not active.any():
        return metrics.THRESHOLD
    precision, recall, limits = sk.precision_recall_curve(active, probabilities)
    both = precision[:-1] + recall[:-1]
    f1 = 2 * precision[:-1] * recall[:-1] / np.maximum(both, 1e-12)
    best = int(np.argmax(f1))
    below = limits[best - 1] if best else 0.0
    return float(limits[best] + below) / 2


def run(workdir: Path, calibrate: str, split: str, data_dir: str | None) -> None:
    """Writes `thresholds.json`, which `export` packs, and prints F1 with and without.

    Args:
        workdir: Of a training run.
        calibrate: The split of the target that chooses.
        split: The split of the target on which both are compared.
        data_dir: Of the prepared data; None is where training had them.
    """
    if calibrate == split:
        raise UserError(
            f"--calibrate={calibrate} is the split that is evaluated; thresholds chosen"
            " there would flatter the model: give another --split"
        )
    config = read_config(workdir)
    stage, aus = best_stage(config, workdir, "target"), tuple(config.data.aus)
    *networks, step = best_networks(stage, "target", config, workdir)
    mesh = devices.make_mesh()
    variables = jax.device_put(Variables(*networks), devices.replicated(mesh))
    predict = inference.compile_predict(mesh, STAGES[stage].make_predict(config))

    def found(name: str) -> inference.Found:
        folder = data_dir or config.data.data_dir
        data = data_split.open_split(folder, config.data.target, name, aus)
        size = config.eval.batch_size
        return inference.predict_split(
            predict, variables, data, mesh, config.data.crop, size
        )

    chosen = found(calibrate)
    if not chosen.probabilities:
        raise UserError(f"{workdir} has trained {stage} only, which finds no AUs")
    path = "reconstructed" if "reconstructed" in chosen.probabilities else "direct"
    values = [
        best_threshold(chosen.probabilities[path][k, a], chosen.aus[k, a] > 0)
        for a, k in enumerate(chosen.known.T)
    ]
    told = Thresholds(calibrate, stage, step, path, tuple(values))
    file = thresholds.write(workdir, told, aus)
    _print(aus, values, found(split), path, f"{config.data.target}, {split}")
    print(f"thresholds: {file}, for python -m au_jax.export")


def _print(
    aus: tuple[int, ...],
    chosen: list[float],
    tested: inference.Found,
    path: str,
    title: str,
) -> None:
    values = tested.probabilities[path]
    table = Table("", *(f"AU{au:02d}" for au in aus), "mean", title=f"F1, {title}")
    table.add_row("threshold", *(f"{t:.3f}" for t in chosen), "")
    for name, limits in (("at .5", None), ("at threshold", chosen)):
        scores = metrics.score(values, tested.aus, tested.known, limits)
        table.add_row(name, *map(percent, scores.f1), percent(scores.mean("f1")))
    Console().print(table)
