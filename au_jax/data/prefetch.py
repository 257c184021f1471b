"""Read batches in worker processes."""

import gc
import sys
from collections.abc import Generator
from multiprocessing import resource_tracker

import grain
import jax
import numpy as np
from absl import flags

from au_jax.errors import UserError
from au_jax.runtime import workers
from au_jax.runtime.signals import SIGNALS
from au_jax.types import Batch


def read(dataset: grain.IterDataset, num_workers: int) -> Generator[Batch, None, None]:
    """Yield the batches of `dataset` in order, read by `num_workers` processes.

    The workers end when the generator is exhausted or closed, and when the program
    ends, even if it is killed. They ignore signals to the process group.

    Raises:
        UserError: a worker was killed.
    """
    if not flags.FLAGS.is_parsed():  # grain's workers read absl's flags
        flags.FLAGS.mark_as_parsed()
    # One batch per worker is on its way, beside those that it holds ready.
    options = grain.MultiprocessingOptions(num_workers, per_worker_buffer_size=1)
    _start_resource_tracker()
    batches = iter(dataset.mp_prefetch(options, worker_init_fn=_start))
    try:
        while True:
            # Grain starts each worker when it first needs it.
            with workers.shielded(SIGNALS):
                # The copy frees the shared memory at once.
                batch = jax.tree.map(np.array, next(batches))
            yield batch
    except StopIteration:
        return
    except RuntimeError as error:
        if "terminated unexpectedly" not in str(error):
            raise
        raise UserError(
            f"one of the {num_workers} processes that read data was killed, probably"
            " for lack of memory; run the same command again to resume, with fewer"
            " --config.data.num_workers"
        ) from error
    finally:
        batches.close()
        # A reference cycle keeps the last batches of a stream in shared memory.
        del batches
        gc.collect()


def _start_resource_tracker() -> None:
    """Start the process in which Python frees the shared memory of killed workers.

    It would report that memory as leaked, although it frees it; so it starts with that
    warning off. It starts now, because it resets the signal mask where it starts.
    """
    sys.warnoptions.append("ignore:resource_tracker:UserWarning")
    try:
        with workers.shielded(SIGNALS):
            resource_tracker.ensure_running()
    finally:
        sys.warnoptions.pop()


def _start(index: int, count: int) -> None:
    """Set up a worker."""
    del index, count
    workers.end_with_parent()
