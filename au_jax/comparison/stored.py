"""Check that results which are stored are those of the comparison as it is now."""

from collections.abc import Sequence
from pathlib import Path

from ml_collections import ConfigDict

from au_jax.comparison import plan, scores
from au_jax.comparison.plan import Run
from au_jax.comparison.scores import Conditions
from au_jax.errors import UserError
from au_jax.types import Config
from au_jax.workdir import resume
from au_jax.workdir.config import FILE as CONFIG
from au_jax.workdir.config import read_config


def check_done(runs: Sequence[Run], conditions: Conditions) -> None:
    """Check the runs that are done, before tables state another config for them.

    Raises:
        UserError: one was trained with another config.
    """
    for run in runs:
        if scores.read(run.folder, conditions) is not None:
            check_same(run)


def check_same(run: Run) -> None:
    """Check that a run that is done was trained with its config.

    The folder of the comparison may have been moved since, or may be given by another
    path: then that of the run's start is another one, too.

    Raises:
        UserError: it was trained with another config.
    """
    config: Config = ConfigDict(run.config.to_dict())
    if (run.folder / CONFIG).exists():
        begun = read_config(run.folder).init_from
        if Path(begun).parts[-2:] == Path(config.init_from).parts[-2:]:
            config.init_from = begun
    resume.check_same_config(run.folder, config)


def check_none_left_out(
    config: Config, workdir: Path, runs: Sequence[Run], conditions: Conditions
) -> None:
    """Check that tables of stored results lack no row that was scored otherwise.

    Raises:
        UserError: they would.
    """
    folders = {run.folder for run in runs}
    folders |= {workdir / row.name for row in plan.rows(config)}
    for folder in sorted(folders):
        stored = (folder / scores.FILE).exists()
        if stored and scores.read(folder, conditions) is None:
            raise UserError(
                f"{folder} was scored on other data, or with other values of"
                " config.split, bootstrap, centred or mean_of_paths; give the old ones,"
                " or leave out --notrain to score it again"
            )
