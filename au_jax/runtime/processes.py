"""Several processes, on one machine or many, that train one model together."""

import contextlib
import os
import threading
from collections.abc import Iterator, Sequence

import jax
import numpy as np
from jax.experimental import multihost_utils

from au_jax.errors import UserError

FAREWELL = 5.0
"""Seconds that a process which ends by an error may wait for the others."""


def join(coordinator: str, count: int, index: int) -> None:
    """Meets the other processes, if there are any; before JAX touches a device.

    Args:
        coordinator: HOST:PORT of the first process; without it Slurm's variables say
            who takes part, and without those this process is alone.
        count: Of the processes.
        index: Of this one, from 0.

    Raises:
        UserError: the numbers make no sense.
    """
    jax.config.update("jax_enable_preemption_service", False)  # it takes SIGTERM
    if coordinator:
        if not 0 <= index < count:
            raise UserError(
                f"--process_index={index} must be at least 0 and below"
                f" --process_count={count}"
            )
        # Said is said: whatever cluster this is on need not be looked for.
        jax.distributed.initialize(
            coordinator, count, index, cluster_detection_method="deactivate"
        )
    elif int(os.environ.get("SLURM_STEP_NUM_TASKS", "1")) > 1:  # started by srun
        jax.distributed.initialize()


@contextlib.contextmanager
def not_waited_for() -> Iterator[None]:
    """An error in here ends this process soon, if need be without JAX's farewell.

    That waits minutes for the others to end, while they wait for this one's part of a
    step, and then fail themselves. Once it has ended, what started them can end them.
    """
    try:
        yield
    except Exception as error:
        if not alone():
            code = 2 if isinstance(error, UserError) else 1
            timer = threading.Timer(FAREWELL, os._exit, (code,))
            timer.daemon = True
            timer.start()
        raise


def alone() -> bool:
    """Whether there is no other process."""
    return jax.process_count() == 1


def first() -> bool:
    """Whether this is the process that writes logs and speaks."""
    return jax.process_index() == 0


def meet(name: str) -> None:
    """Waits until all processes are here."""
    if not alone():
        multihost_utils.sync_global_devices(name)


def largest(values: Sequence[int]) -> list[int]:
    """Each of the values as it is where it is largest."""
    if alone():
        return list(values)
    return np.max(multihost_utils.process_allgather(np.array(values)), axis=0).tolist()
