"""Processes that read data; the program's signals and its end are theirs, too."""

import gc
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
    """The batches of `dataset`, in its order, read by `num_workers` processes.

    They end with the generator: when it is exhausted or closed. They also end with the
    program, however that ends, and take no notice of signals to its process group.

    Raises:
        UserError: one of the processes was killed.
    """
    if not flags.FLAGS.is_parsed():  # grain's workers read absl's flags
        flags.FLAGS.mark_as_parsed()
    # One more batch on its way between the processes, besides those they hold ready.
    options = grain.MultiprocessingOptions(num_workers, per_worker_buffer_size=1)
    # Python's own helper process resets the mask where it is started: so beforehand.
    with workers.shielded(SIGNALS):
        resource_tracker.ensure_running()
    batches = iter(dataset.mp_prefetch(options, worker_init_fn=_start))
    try:
        while True:
            # Grain starts each process when it first needs it.
            with workers.shielded(SIGNALS):
                # Copied, so that the shared memory is free again at once.
                batch = jax.tree.map(np.array, next(batches))
            yield batch
    except StopIteration:
        return
    except RuntimeError as error:
        if "terminated unexpectedly" not in str(error):
            raise
        raise UserError(
            f"one of the {num_workers} processes that read data was killed, mostly that"
            " is for lack of memory; take fewer by --config.data.num_workers, and the"
            " same command goes on from the last checkpoint"
        ) from error
    finally:
        batches.close()
        # The end of a stream keeps its last batches in a cycle: shared memory, of which
        # Python's helper process would say that it leaked.
        del batches
        gc.collect()


def _start(index: int, count: int) -> None:
    """Set up a worker."""
    del index, count
    workers.end_with_parent()
