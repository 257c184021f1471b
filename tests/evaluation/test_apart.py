"""What is chosen on one split of the target is not chosen on the other.

Expected: a model that answers otherwise on "val" than on "test".
"""

import dataclasses

import numpy as np
import pytest

from au_jax.data.split import FaceSplit, Records
from au_jax.evaluation import calibration, intensity
from au_jax.evaluation.inference import SplitPredictions
from au_jax.workdir import intensities, thresholds
from tests.target_models import Answers, load_answers

AUS = (1, 12)
ACTIVE = np.arange(60)[:, None] % 2 == [0, 1]


class Split(FaceSplit):
    """A split without records, whose pictures are numbered."""

    def path(self, index):
        return f"{index}.jpg"


@dataclasses.dataclass(frozen=True)
class Apart(Answers):
    """A model with answers to each split."""

    splits: dict[str, Split]
    answers: dict[str, SplitPredictions]

    def open_apart(self, chosen_on, split):
        return self.splits[chosen_on], self.splits[split]

    def predict(self, data, change=None):
        return self.answers[data.parts[0].split]


def load_apart(folder, p):
    """Return a function like `load_target_model`; `p` are the answers by split."""
    splits = {n: Split((Records(folder, n, AUS, 60),), AUS) for n in p}
    answers = {
        n: SplitPredictions(
            {"direct": x.astype("f4")}, ACTIVE.astype("f4"), np.ones_like(ACTIVE), None
        )
        for n, x in p.items()
    }
    one = load_answers(splits["val"], answers["val"])(folder)
    model = Apart(
        one.config, one.loaded, one.path, one.data, one.found, splits, answers
    )
    return lambda *_: model


def test_thresholds_are_chosen_on_the_choosing_split(tmp_path, monkeypatch):
    p = {"val": np.where(ACTIVE, 0.3, 0.1), "test": np.where(ACTIVE, 0.9, 0.7)}
    monkeypatch.setattr(calibration, "load_target_model", load_apart(tmp_path, p))
    calibration.calibrate(tmp_path, "val", "test", None)
    stored = thresholds.read(tmp_path, AUS)
    assert stored is not None
    assert stored.split == "val"
    assert stored.values == pytest.approx((0.2, 0.2))


def test_curves_are_fitted_on_the_fitting_split(tmp_path, monkeypatch):
    rank = np.arange(60)[:, None] / np.array([60, 60])
    load = load_apart(tmp_path, {"val": rank, "test": 1 - rank})
    monkeypatch.setattr(intensity, "load_target_model", load)
    lines = [f"{i}.jpg,{5 * i / 60},{5 * i / 60}" for i in range(60)]
    table = tmp_path / "table.csv"
    table.write_text("\n".join(["path,AU01,AU12", *lines]))
    intensity.evaluate(tmp_path, "val", "test", file=table)
    found = intensities.read(tmp_path, AUS)
    assert found is not None
    (curve, _) = found.values
    assert curve is not None
    # On the other split, answers fall with the intensity: a constant curve.
    assert curve[-1] > 4 > 1 > curve[0]
