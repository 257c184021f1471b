"""Measurements. Expected: what training does is what is measured."""

from typing import Any

import pytest

from au_jax.benchmarking import measures
from au_jax.data import pipeline
from au_jax.data.split import FaceSplit
from tests.stages.small import AUS, small_config


@pytest.mark.parametrize(
    ("stage", "maker", "option", "value"),
    [("joint", "make_train", "degraded", 0.5), ("tae", "make_clips", "frames", 2)],
)
def test_data_are_read_as_training_reads_them(stage, maker, option, value, monkeypatch):
    options: dict[str, Any] = {}

    class Called(Exception):
        pass

    def called(_: Any, **given: Any) -> None:
        options.update(given)
        raise Called

    monkeypatch.setattr(pipeline, maker, called)
    config, split = small_config(), FaceSplit((), AUS)
    config.data.degraded = 0.5
    with pytest.raises(Called):
        measures.measure_data([split, split], config, stage, 1)
    assert options[option] == value
