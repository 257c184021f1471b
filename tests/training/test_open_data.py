"""The data of a run. Expected: what the sets that were written state."""

import dataclasses
import logging

import pytest

from au_jax.data.split import FaceSplit
from au_jax.errors import UserError
from au_jax.training.run import (
    RunData,
    datasets,
    landmark_origins,
    licences,
    open_data,
)
from au_jax.workdir import start_log
from configs import joint as joint_config
from tests.synthetic import write_prepared


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    write_prepared(folder, "lab", {"train": 6, "val": 4}, (1, 12))
    write_prepared(folder, "studio", {"train": 5, "val": 4}, (4, 12))
    write_prepared(folder, "street", {"train": 8, "val": 4}, (1, 4, 12))
    return folder


def config_of(data_dir, source, aus):
    config = joint_config.get_config("tiny")
    config.data.data_dir = str(data_dir)
    config.data.source, config.data.target = source, "street"
    config.data.aus = aus
    return config


def test_each_au_needs_one_of_the_sources_sets(data_dir):
    data = open_data(config_of(data_dir, "lab+studio", (1, 4, 12)))
    assert {domain: len(split) for domain, split in data.train.items()} == {
        "source": 11,
        "target": 8,
    }
    message = "AU 4, which the source 'lab' does not code; it codes 1, 12"
    with pytest.raises(UserError, match=message):
        open_data(config_of(data_dir, "lab", (1, 4, 12)))
    message = r"AU 17, which the source 'lab\+studio' does not code; it codes 1, 4, 12"
    with pytest.raises(UserError, match=message):
        open_data(config_of(data_dir, "lab+studio", (12, 17)))


def with_landmarks_by(split: FaceSplit, *methods: str) -> FaceSplit:
    parts = (
        dataclasses.replace(part, landmarks_by=method)
        for part, method in zip(split.parts, methods, strict=True)
    )
    return dataclasses.replace(split, parts=tuple(parts))


def test_a_run_remembers_what_was_read(data_dir, tmp_path):
    splits = open_data(config_of(data_dir, "lab+studio", (12,))).train
    parts = splits["source"].parts
    known = dataclasses.replace(parts[1], dataset="bp4d", licence="CC"), parts[0]
    source = dataclasses.replace(splits["source"], parts=known)
    changed = {"source": source, "target": splits["target"]}
    assert datasets(RunData(changed, changed)) == {"studio": "bp4d"}
    assert licences(RunData(changed, changed)) == {"studio": "CC"}
    assert start_log.datasets(tmp_path) == {}
    start_log.record(tmp_path, {}, {"studio": "bp4d"}, {"studio": "CC"})
    assert start_log.datasets(tmp_path) == {"studio": "bp4d"}
    assert start_log.licences(tmp_path) == {"studio": "CC"}


@pytest.mark.parametrize(
    ("source", "target", "expected", "warns"),
    [
        (("au_jax", "au_jax"), "au_jax", ("au_jax", "au_jax"), False),
        (("rendering", "au_jax"), "au_jax", ("au_jax", "au_jax"), False),
        (("rendering", "file"), "rendering", ("rendering", "rendering"), False),
        (("au_jax", "dlib68"), "au_jax", ("au_jax", "au_jax"), True),
        (("au_jax", "au_jax"), "dlib68", ("au_jax", "dlib68"), True),
    ],
)
def test_two_ways_to_find_landmarks_are_reported(
    data_dir, caplog, source, target, expected, warns
):
    splits = open_data(config_of(data_dir, "lab+studio", (12,))).train
    changed = {
        "source": with_landmarks_by(splits["source"], *source),
        "target": with_landmarks_by(splits["target"], target),
    }
    with caplog.at_level(logging.WARNING):
        found = landmark_origins(RunData(changed, changed))
    assert (found["source"], found["target"]) == expected
    assert ("place them differently" in caplog.text) == warns
