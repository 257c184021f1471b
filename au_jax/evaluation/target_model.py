"""The model of a run that answers for the target, and any set to test it on."""

import dataclasses
from pathlib import Path

from au_jax.data.degradation import Change
from au_jax.data.split import FaceSplit
from au_jax.errors import UserError
from au_jax.evaluation.inference import (
    LoadedModel,
    SplitPredictions,
    load_best,
    predict_split,
)
from au_jax.evaluation.run import open_splits
from au_jax.stages import WITHOUT_AUS
from au_jax.types import Config
from au_jax.workdir.best_networks import best_stage
from au_jax.workdir.config import read_config
from au_jax.workdir.target_path import target_path


@dataclasses.dataclass(frozen=True)
class TargetModel:
    """The checkpoint of a run that validated best on the target."""

    config: Config
    """That of the run, with the set on which the model is tested as its target."""
    loaded: LoadedModel
    path: str
    """The path that answers: "reconstructed" or "direct"."""

    def open(self, split: str) -> FaceSplit:
        """Open a split of the tested set.

        Raises:
            UserError: it is absent.
        """
        return open_splits(self.config, split, ("target",))["target"]

    def predict(
        self, data: FaceSplit, change: Change | None = None
    ) -> SplitPredictions:
        """Predict every image of a split once, after a change if there is one."""
        predictor, variables = self.loaded.predictor, self.loaded.variables
        return predict_split(predictor, variables, data, change=change)


def load_target_model(
    workdir: Path, data_dir: str | None = None, on: str | None = None
) -> TargetModel:
    """Load the model of a run that answers for the target.

    Args:
        workdir: The work directory of the run.
        data_dir: The prepared data; None is the folder that training used.
        on: Another prepared set instead of the target.

    Raises:
        UserError: the run has no validated checkpoint, or detects no AUs.
    """
    config = read_config(workdir)
    stage = best_stage(config, workdir, "target")
    if stage in WITHOUT_AUS:
        raise UserError(f"{workdir} has trained only {stage}, which detects no AUs")
    loaded = load_best(workdir, config, stage, "target")
    path = target_path(config, workdir, stage, loaded.step)
    if data_dir is not None:
        config.data.data_dir = data_dir
    if on is not None:
        config.data.target = on
    return TargetModel(config, loaded, path)
