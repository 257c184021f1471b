"""Clips. Expected: frames of one recording, in order, from a hand-written list."""

from typing import Any

import numpy as np
import pytest

from au_jax.data import clips, pipeline
from au_jax.data.clips import Clip
from au_jax.data.split import open_split
from tests.synthetic import write_prepared


def test_recordings_are_folders_with_frames_in_order_of_their_numbers():
    paths = ["F1/T1/10.jpg", "F1/T2/1.jpg", "F1/T1/9.jpg", "F1/T1/100.jpg"]
    assert clips.recordings(paths) == [(2, 0, 3), (1,)]


def test_a_video_is_a_recording_and_sets_stay_apart(tmp_path):
    paths = ["d/L1.avi#0010", "d/L2.avi#0001", "d/L1.avi#0009", "d/a#1.jpg"]
    assert clips.recordings(paths) == [(2, 0), (1,), (3,)]
    for name in ("one", "two"):
        write_prepared(str(tmp_path), name, {"train": 3}, (1,))
    both = clips.Clips(open_split(tmp_path, "one+two", "train", (1,)), 2)
    of = [set(recording) for recording in both.recordings]
    assert all(indices <= {0, 1, 2} or indices <= {3, 4, 5} for indices in of)


def test_a_pair_is_the_image_and_another_of_its_recording():
    rng = np.random.default_rng(0)
    drawn = {tuple(clips.choose(Clip((4, 7, 9), 1, 2), rng)) for _ in range(50)}
    assert drawn == {(7, 4), (7, 9)}
    assert clips.choose(Clip((4,), 0, 2), rng) == [4, 4]


def test_a_clip_has_equal_distances_and_lies_around_its_image():
    rng = np.random.default_rng(0)
    recording = tuple(range(100, 140))
    steps = set()
    for place in (0, 20, 39):
        for _ in range(60):
            chosen = clips.choose(Clip(recording, place, 5), rng)
            (step,) = set(np.diff(chosen))
            steps.add(int(step))
            assert chosen[0] - step < recording[place] < chosen[-1] + step + 1
    assert steps == set(range(1, clips.WIDEST + 1))


def test_a_short_recording_repeats_its_last_frame():
    rng = np.random.default_rng(0)
    assert clips.choose(Clip((5, 6, 8), 1, 5), rng) == [5, 6, 8, 8, 8]


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    write_prepared(folder, "lab", {"train": 12, "val": 2, "test": 2})
    return open_split(folder, "lab", "train", (1, 12))


def clip_batch(split, number, **changed: Any) -> Any:
    options = {"frames": 2, "crop": 128, "batch_size": 4, "seed": 3} | changed
    return pipeline.make_clips(split, **options)[number]


def test_batches_have_frames_first_and_depend_on_seed_and_step_alone(split):
    batch, again = clip_batch(split, 5), clip_batch(split, 5)
    assert batch["image"].shape == (2, 4, 128, 128, 3)
    assert batch["person"].shape == (2, 4)
    np.testing.assert_array_equal(batch["image"], again["image"])
    assert (batch["image"] != clip_batch(split, 5, seed=4)["image"]).any()


def test_processes_share_a_batch(split):
    parts = [
        clip_batch(split, 1, process_index=i, process_count=2)["image"]
        for i in range(2)
    ]
    whole = clip_batch(split, 1)["image"]
    np.testing.assert_array_equal(whole, np.concatenate(parts, axis=1))
