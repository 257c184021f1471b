"""Write the report of an evaluated run, if Matplotlib is installed."""

import importlib.util
from pathlib import Path

from au_jax.evaluation.inference import load_best
from au_jax.evaluation.report import Report
from au_jax.evaluation.run import open_splits
from au_jax.workdir.best_networks import best_stage
from au_jax.workdir.config import read_config

MISSING = "no report.html, because Matplotlib is missing: pip install matplotlib"


def write_report(
    workdir: Path,
    report: Report,
    split: str,
    data_dir: str | None = None,
    faces: str | None = None,
) -> None:
    """Write `report.html` into a run and print its path, or say what is missing.

    Args:
        workdir: The work directory of the run.
        report: The evaluation of the run.
        split: The split that was evaluated.
        data_dir: The prepared data; None is the folder that training used.
        faces: "show", "blur" or "none"; None hides the faces of licensed sets.

    Raises:
        UserError: the disk is full.
    """
    if importlib.util.find_spec("matplotlib") is None:
        print(MISSING)
        return
    from au_jax.run_report import page

    config = read_config(workdir)
    if data_dir is not None:
        config.data.data_dir = data_dir
    splits = open_splits(config, split)
    models = {
        domain: load_best(workdir, config, best_stage(config, workdir, domain), domain)
        for domain in splits
    }
    path = page.write(config, workdir, report, models, splits, faces)
    print(f"report: {path}")
