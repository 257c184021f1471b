"""Loader processes: one is killed, or a signal reaches their group."""

import itertools
import multiprocessing
import os
import signal

import pytest

from au_jax.data import pipeline
from au_jax.data.split import open_split
from au_jax.errors import UserError
from tests.synthetic import write_prepared


def test_a_killed_loader_process_is_one_line(tmp_path):
    write_prepared(tmp_path, "lab", {"train": 12, "val": 1, "test": 1})
    split = open_split(tmp_path, "lab", "train", (1, 2))
    train = pipeline.make_train([split], crop=128, batch_size=2, seed=0)
    stream = pipeline.train_batches(train, start=0, num_workers=1)
    next(stream)
    (worker,) = multiprocessing.active_children()
    assert worker.pid is not None
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        os.kill(worker.pid, number)  # as if to the whole group
    for _ in range(20):
        next(stream)
    assert worker.is_alive()
    worker.kill()
    with pytest.raises(UserError, match=r"one of the 1 processes .* was killed"):
        list(itertools.islice(stream, 20))
    assert not multiprocessing.active_children()
