"""Loader processes: one is killed, or a signal reaches their group."""

import itertools
import multiprocessing
import os
import signal
import subprocess
import sys

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


KILLED_WITH_A_BATCH = """
import multiprocessing
import time
import grain
import numpy as np
from au_jax.data import prefetch
from au_jax.errors import UserError

if __name__ == "__main__":
    numbers = grain.MapDataset.range(100).map(lambda i: np.full((64, 64), i))
    batches = prefetch.read(numbers.to_iter_dataset().batch(2), num_workers=1)
    next(batches)
    time.sleep(0.5)  # the next batch waits in shared memory
    (worker,) = multiprocessing.active_children()
    worker.kill()
    try:
        list(batches)
    except UserError as error:
        print(str(error).split(" processes")[0])
"""


def test_a_batch_of_a_killed_worker_is_freed_silently(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(KILLED_WITH_A_BATCH)
    ended = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, timeout=60
    )
    assert (ended.stdout, ended.stderr) == ("one of the 1\n", "")
