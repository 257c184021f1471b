"""The model of a run that answers for the target, and any set to test it on."""

import dataclasses
from pathlib import Path
from typing import Any

from au_jax.data.degradation import Change
from au_jax.data.reader import not_prepared, open_builder
from au_jax.data.split import FaceSplit, Records
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

    def open_apart(self, chosen_on: str, split: str) -> tuple[FaceSplit, FaceSplit]:
        """Open a split on which something is chosen, and the one that is evaluated.

        Raises:
            UserError: one is absent, or they share an image.
        """
        choosing, data = self.open(chosen_on), self.open(split)
        if overlap(choosing, data):
            raise UserError(
                f"{chosen_on!r} is to choose on and {split!r} to evaluate, but they"
                " share images, which would flatter the model: give another --split"
            )
        return choosing, data

    def predict(
        self, data: FaceSplit, change: Change | None = None
    ) -> SplitPredictions:
        """Predict every image of a split once, after a change if there is one."""
        predictor, variables = self.loaded.predictor, self.loaded.variables
        activity = f"{self.loaded.stage} on {data}"
        return predict_split(
            predictor, variables, data, change=change, activity=activity
        )


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


def overlap(a: FaceSplit, b: FaceSplit) -> bool:
    """Return whether two splits, such as "val" and "val[:50%]", share an example.

    Raises:
        UserError: a data set is damaged.
    """
    mine, others = ([s for p in x.parts for s in _stretches(p)] for x in (a, b))
    return any(
        file == other and first < other_end and other_first < end
        for file, first, end in mine
        for other, other_first, other_end in others
    )


def _stretches(part: Records) -> list[tuple[str, int, int]]:
    """Return each file of a split, its first example, and the one after its last."""
    try:
        splits: Any = open_builder(part.directory).info.splits
        files = splits[part.split].file_instructions
        return [
            (f.filename, f.skip, f.skip + f.take if f.take > 0 else f.examples_in_shard)
            for f in files
        ]
    except Exception as error:  # TFDS raises errors of many types
        raise not_prepared(part.directory, error) from error
