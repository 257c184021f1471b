"""What poor cameras and files cost a detector: its AUC on degraded images.

The landmarks stay those of the good images: what the finder of faces loses is not part
of it.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float
from rich.console import Console

from au_jax.data.degradation import Change, add_noise, compress, relight, shrink
from au_jax.evaluation import metrics, tables
from au_jax.evaluation.report import percent
from au_jax.evaluation.target_model import load_target_model
from au_jax.runtime.files import write_whole

# The second strength of each is beyond those of training (data/degradation.py).
CHANGES: Mapping[str, Change | None] = {
    "as they are": None,
    "gamma .7": lambda image, rng: relight(image, 0.7),
    "gamma 2": lambda image, rng: relight(image, 2.0),
    "1/3 size": lambda image, rng: shrink(image, 1 / 3),
    "1/5 size": lambda image, rng: shrink(image, 1 / 5),
    "noise 10": lambda image, rng: add_noise(image, rng, 10.0),
    "noise 20": lambda image, rng: add_noise(image, rng, 20.0),
    "JPEG 20": lambda image, rng: compress(image, 20),
    "JPEG 10": lambda image, rng: compress(image, 10),
}
NOTE = (
    "Size: the share of the pixels along each side that are left. Noise: its standard"
    " deviation, of 255. JPEG: its quality, of 100."
)


def evaluate(
    workdir: Path, split: str, data_dir: str | None = None, on: str | None = None
) -> dict[str, Float[np.ndarray, "a"]]:
    """Return the AUC of each AU by fault; write and print the table.

    It goes to `eval-degraded.json` and `.md` of the run.

    Args:
        workdir: The work directory of the run.
        split: The split of the target.
        data_dir: The prepared data; None is the folder that training used.
        on: Another prepared set instead of the target.

    Raises:
        UserError: the run has no checkpoint, or the data are absent.
    """
    model = load_target_model(workdir, data_dir, on)
    data = model.open(split)
    found = {}
    for name, change in CHANGES.items():
        answers = model.predict(data, change)
        p = answers.probabilities[model.path]
        found[name] = metrics.score(p, answers.aus, answers.known)
    rows = [["AUC, %", *(f"AU{au:02d}" for au in data.aus), "mean"]]
    for name, scores in found.items():
        values = [*map(float, scores.auc), scores.mean("auc")]
        rows.append([name, *map(percent, values)])
    title = f"Degraded images of {model.config.data.target}, split {split}"
    name = f"eval-degraded{f'-{on}' if on else ''}"
    report = {"title": title, "table": rows, "note": NOTE}
    write_whole(workdir / f"{name}.json", json.dumps(report, indent=2))
    text = [f"# Evaluation: {title}", "", *tables.markdown(rows), "", NOTE]
    write_whole(workdir / f"{name}.md", "\n".join(text) + "\n")
    console = Console()
    console.print(tables.table_of_aus(title, rows))
    console.print(NOTE, highlight=False)
    return {name: scores.auc for name, scores in found.items()}
