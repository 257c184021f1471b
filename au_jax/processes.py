"""Several processes, on one machine or many, that train one model together."""

import os
from collections.abc import Sequence

import jax
import numpy as np
from jax.experimental import multihost_utils

from au_jax.errors import UserError


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
