"""Place arrays on devices: the batch is divided over them, the state replicated."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from au_jax.errors import UserError
from au_jax.types import Batch

T = TypeVar("T")


def make_mesh() -> Mesh:
    """Return a mesh of all devices along one axis, "data"."""
    return jax.make_mesh((jax.device_count(),), ("data",), axis_types=(AxisType.Auto,))


def replicated(mesh: Mesh) -> NamedSharding:
    """Return the sharding that puts the same array on every device."""
    return NamedSharding(mesh, PartitionSpec())


def place_replicated(mesh: Mesh, tree: T) -> T:
    """Copy a pytree to every device of the mesh."""
    # Via the host, because arrays cannot go directly to devices of other processes.
    return jax.tree.map(lambda x: jax.device_put(np.asarray(x), replicated(mesh)), tree)


def place_batch(mesh: Mesh, batch: Batch) -> Batch:
    """Place this process's rows of a training batch as its part of the global one."""
    sharding = NamedSharding(mesh, PartitionSpec(None, "data"))
    with jax.transfer_guard("allow"):  # this transfer is intended
        return jax.tree.map(
            lambda x: jax.make_array_from_process_local_data(sharding, np.asarray(x)),
            batch,
        )


def divide(mesh: Mesh, rows: np.ndarray) -> jax.Array:
    """Divide the rows of this process over its devices, as its part of the array."""
    sharding = NamedSharding(mesh, PartitionSpec("data"))
    with jax.transfer_guard("allow"):  # this transfer is intended
        return jax.make_array_from_process_local_data(sharding, rows)


def gather(mesh: Mesh, tree: T) -> T:
    """Copy arrays that were divided over the devices to every device, whole."""
    return jax.device_put(tree, replicated(mesh))


def check_batch_size(name: str, batch_size: int, parts: int = 1) -> None:
    """Raise a `UserError` if a batch cannot be divided evenly over the devices.

    The share of each device is further divided into `parts` (`config.accumulation`).
    """
    devices = jax.device_count()
    if batch_size % (devices * parts):
        each = f" with config.accumulation={parts}" if parts > 1 else ""
        raise UserError(
            f"config.{name}={batch_size} cannot be divided over {devices}"
            f" device{'s' * (devices > 1)}{each}; use a multiple of {devices * parts}"
        )


def place_ahead(mesh: Mesh, batches: Iterable[Batch]) -> Iterator[Batch]:
    """Yield batches; each is transferred while the devices compute on the last one."""
    ahead: Batch | None = None
    for batch in batches:
        placed = place_batch(mesh, batch)
        if ahead is not None:
            yield ahead
        ahead = placed
    if ahead is not None:
        yield ahead
