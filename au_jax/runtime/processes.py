"""Several processes, on one machine or many, that train one model."""

import contextlib
import hashlib
import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from au_jax.errors import UserError

FAREWELL = 5.0
"""Seconds that a failed process may take to leave the others."""


def join(coordinator: str, count: int, index: int) -> None:
    """Join the other processes, if there are any, before JAX uses a device.

    Args:
        coordinator: HOST:PORT of the first process. Without it, Slurm's variables name
            the processes; without those, this process is alone.
        count: The number of processes.
        index: The number of this process, from 0.

    Raises:
        UserError: the flags do not name a process of a group.
    """
    jax.config.update("jax_enable_preemption_service", False)  # it catches SIGTERM
    if not coordinator and (count, index) != (1, 0):
        raise UserError(
            f"--process_count={count} --process_index={index} also need"
            " --coordinator=HOST:PORT, the same for every process"
        )
    if coordinator:
        _, _, port = coordinator.rpartition(":")
        if not re.fullmatch(r"[^:].*:[0-9]{1,5}", coordinator) or int(port) > 65535:
            raise UserError(
                f"--coordinator={coordinator} must be HOST:PORT, such as"
                " 10.0.0.1:12345, of the first process"
            )
        if not 0 <= index < count:
            raise UserError(
                f"--process_index={index} must be at least 0 and below"
                f" --process_count={count}"
            )
        # The flags are complete, so JAX must not look for a cluster.
        jax.distributed.initialize(
            coordinator, count, index, cluster_detection_method="deactivate"
        )
    elif int(os.environ.get("SLURM_STEP_NUM_TASKS", "1")) > 1:  # started by srun
        jax.distributed.initialize()


@contextlib.contextmanager
def not_waited_for() -> Iterator[None]:
    """After an error in this block, end the process without waiting for its peers.

    JAX's shutdown would wait minutes for peers that wait for this process. Once it has
    ended, the launcher can end the others.
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
    """Return whether there is no other process."""
    return jax.process_count() == 1


def first() -> bool:
    """Return whether this is the process that writes files and logs."""
    return jax.process_index() == 0


def meet(name: str) -> None:
    """Wait until all processes reach this point."""
    if not alone():
        multihost_utils.sync_global_devices(name)


def largest(values: Sequence[int]) -> list[int]:
    """Return the maximum of each value over all processes."""
    if alone():
        return list(values)
    return np.max(multihost_utils.process_allgather(np.array(values)), axis=0).tolist()


def check_equal(values: Mapping[str, Any]) -> None:
    """Check that each value, by its name, is printed alike in all processes.

    Where these differ, processes would wait for each other for ever.

    Raises:
        UserError: one differs; all processes raise it.
    """
    if alone():
        return
    digests = [hashlib.sha256(repr(x).encode()).digest() for x in values.values()]
    own = np.array([list(digest) for digest in digests], np.uint8)
    of_all = np.asarray(multihost_utils.process_allgather(own))  # process, value, byte
    differ = (of_all != of_all[:1]).any(axis=(0, 2))
    if names := [name for name, other in zip(values, differ, strict=True) if other]:
        raise UserError(
            f"the {' and the '.join(names)} of the processes differ; start the same"
            " command as each of them, on the same data"
        )
