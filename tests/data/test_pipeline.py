"""The stream of batches: reproducible, resumable, complete."""

import functools
from typing import Any

import numpy as np
import pytest

from au_jax.data import pipeline, reader, transforms
from au_jax.data.split import FaceSplit, open_split
from au_jax.errors import UserError
from tests.synthetic import write_prepared

AUS = (1, 2, 4, 6, 12, 17)
SETTINGS = {"crop": 128, "batch_size": 6, "seed": 3}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("prepared"))
    write_prepared(folder, "lab", {"train": 12, "val": 10}, AUS)
    write_prepared(folder, "wild", {"train": 7}, AUS, labelled_train=False)
    return folder


@pytest.fixture(scope="module")
def splits(data_dir: str) -> list[FaceSplit]:
    return [open_split(data_dir, name, "train", AUS) for name in ("lab", "wild")]


def make_train(splits: list[FaceSplit], **changes: Any) -> Any:
    """Return the batches by step; grain's types would allow dropped ones (None)."""
    return pipeline.make_train(splits, **SETTINGS | changes)


def assert_equal(batch: Any, expected: Any):
    assert batch.keys() == expected.keys()
    for key, value in batch.items():
        np.testing.assert_array_equal(value, expected[key], err_msg=key)


def test_shapes_and_labels(splits):
    batch = make_train(splits)[0]
    assert {key: (value.shape, value.dtype.name) for key, value in batch.items()} == {
        "image": ((2, 6, 128, 128, 3), "uint8"),
        "landmarks": ((2, 6, 49, 2), "float32"),
        "cells": ((2, 6, 49), "int32"),
        "aus": ((2, 6, 6), "float32"),
        "aus_known": ((2, 6, 6), "bool"),
        "person": ((2, 6), "int32"),
    }
    assert batch["aus_known"][0].all()
    assert not batch["aus_known"][1].any()


def test_a_share_of_the_images_is_degraded(splits):
    """15 in 16 of that share show it (test_degradation.py)."""
    plain, poor = make_train(splits), make_train(splits, degraded=0.5)
    same = []
    for step in range(20):
        before, after = plain[step], poor[step]
        images, poor_images = before.pop("image"), after.pop("image")
        same.append((images == poor_images).all(axis=(2, 3, 4)))
        assert_equal(after, before)
    share = 1 - 0.5 * 15 / 16
    assert np.mean(same) == pytest.approx(share, abs=0.09)  # 2.8 deviations


def test_rows_are_the_named_photographs(splits):
    """Each row has the labels of the photograph that `batch_paths` names."""
    labels = {face["path"]: face["aus"] for face in splits[0]}
    train = make_train(splits)
    for step in (0, 5):
        paths = pipeline.batch_paths(splits, batch_size=6, seed=3, step=step)
        expected = [labels[path] for path in paths[0]]
        np.testing.assert_array_equal(train[step]["aus"][0], expected)
        assert len(paths[1]) == 6


def test_each_domain_has_its_own_epochs(splits):
    """12 source faces, 7 target faces: 84 rows are 7 and 12 whole epochs."""
    paths = [
        pipeline.batch_paths(splits, batch_size=6, seed=3, step=step)
        for step in range(14)
    ]
    for domain, size in enumerate((12, 7)):
        seen = np.array([path for step in paths for path in step[domain]])
        epochs = seen.reshape(-1, size)
        assert all(len(set(epoch)) == size for epoch in epochs)
        assert len({tuple(epoch) for epoch in epochs}) == len(epochs)  # reshuffled


def test_equal_splits_of_two_domains_have_orders_of_their_own(splits):
    same = [splits[0], splits[0]]
    labels = {face["path"]: face["aus"] for face in splits[0]}
    paths = pipeline.batch_paths(same, batch_size=6, seed=3, step=0)
    assert paths[0] != paths[1]
    found = make_train(same)[0]["aus"]
    for domain in range(2):
        expected = [labels[path] for path in paths[domain]]
        np.testing.assert_array_equal(found[domain], expected)


def test_seed_and_step_determine_a_batch(splits):
    one, two = (make_train(splits) for _ in range(2))
    assert_equal(one[4], two[4])
    other = make_train(splits, seed=4)
    assert not np.array_equal(one[4]["image"], other[4]["image"])
    assert not np.array_equal(one[0]["landmarks"], one[2]["landmarks"])


@pytest.mark.parametrize(
    "num_workers",
    [
        0,
        pytest.param(1, marks=pytest.mark.slow),
        pytest.param(2, marks=pytest.mark.slow),
    ],
)
def test_stream_from_the_middle(splits, num_workers: int):
    train = make_train(splits)
    stream = list(
        pipeline.train_batches(train, start=2, stop=7, num_workers=num_workers)
    )
    assert len(stream) == 5
    for step, batch in enumerate(stream, start=2):
        assert_equal(batch, train[step])


def test_an_endless_stream_can_be_closed(splits):
    train = make_train(splits)
    stream = pipeline.train_batches(train, start=1_000_000, buffer=2)
    assert_equal(next(stream), train[1_000_000])
    stream.close()
    with pytest.raises(StopIteration):
        next(stream)


def test_processes_share_each_step(splits):
    whole = make_train(splits)[3]
    for process in range(2):
        share = make_train(splits, process_index=process, process_count=2)[3]
        rows = slice(3 * process, 3 * process + 3)
        assert_equal(share, {key: value[:, rows] for key, value in whole.items()})


def test_one_domain(splits):
    batch = make_train(splits[:1])[0]
    assert batch["image"].shape == (1, 6, 128, 128, 3)
    both = make_train(splits)[0]
    np.testing.assert_array_equal(batch["image"][0], both["image"][0])


def test_unusable_settings(splits):
    with pytest.raises(UserError, match=r"batch_size=6 .* processes, 4"):
        make_train(splits, process_count=4)
    with pytest.raises(UserError, match="crop"):
        make_train(splits, crop=100)


def test_evaluation_sees_every_face_once(data_dir: str):
    split = open_split(data_dir, "lab", "val", (17, 1, 26))
    seen = list(pipeline.make_eval(split, crop=144, batch_size=4))
    assert [batch["image"].shape for batch in seen] == [(4, 144, 144, 3)] * 3
    valid = np.concatenate([batch["valid"] for batch in seen])
    assert valid.tolist() == [True] * 10 + [False] * 2
    for key in ("image", "landmarks", "aus", "aus_known"):
        rows = np.concatenate([batch[key] for batch in seen])[valid]
        expected = [transforms.centre(face, 144)[key] for face in split]
        np.testing.assert_array_equal(rows, expected)


@pytest.mark.parametrize("batch_size", [4, 8])
def test_processes_share_an_evaluation(data_dir: str, batch_size: int):
    """The expected images are those of one process, each changed in the same way."""
    split = open_split(data_dir, "lab", "val", (17, 1, 26))

    def change(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return image // 2 + rng.integers(0, 128, image.shape, np.uint8)

    read = functools.partial(
        pipeline.make_eval, split, crop=144, batch_size=batch_size, change=change
    )
    shares = (read(process_index=i, process_count=2) for i in range(2))
    count = 0
    for whole, first, second in zip(read(), *shares, strict=True):
        both = {key: np.concatenate([first[key], second[key]]) for key in whole}
        np.testing.assert_array_equal(both["valid"], whole["valid"])
        for key in ("image", "landmarks", "aus", "aus_known"):
            expected = whole[key][whole["valid"]]
            np.testing.assert_array_equal(both[key][both["valid"]], expected)
        count += both["valid"].sum()
    assert count == len(split)


def test_damaged_record_ends_the_stream_with_its_name(splits, monkeypatch):
    parse = reader.parse
    monkeypatch.setattr(
        "au_jax.data.split.parse", lambda raw: parse(raw) | {"image": b""}
    )
    train = make_train(splits[:1])
    with pytest.raises(UserError, match=r"record \d+ of split 'train' in .*lab"):
        list(pipeline.train_batches(train, start=0, stop=2))
