"""What lies on which device: the batch spread over `data`, the state on every one."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from au_jax.errors import UserError
from au_jax.types import Batch

T = TypeVar("T")


def make_mesh() -> Mesh:
    """All devices along one axis, "data"; a single device is the trivial case."""
    return jax.make_mesh((jax.device_count(),), ("data",), axis_types=(AxisType.Auto,))


def replicated(mesh: Mesh) -> NamedSharding:
    """The same on every device: parameters, statistics, optimiser states."""
    return NamedSharding(mesh, PartitionSpec())


def place_replicated(mesh: Mesh, tree: T) -> T:
    """Copy a pytree to every device of the mesh."""
    # By way of the host: arrays of one process's device cannot go to another's.
    return jax.tree.map(lambda x: jax.device_put(np.asarray(x), replicated(mesh)), tree)


def place_batch(mesh: Mesh, batch: Batch) -> Batch:
    """This process's rows of a training batch, as its part of the global batch."""
    sharding = NamedSharding(mesh, PartitionSpec(None, "data"))
    with jax.transfer_guard("allow"):  # this transfer is meant
        return jax.tree.map(
            lambda x: jax.make_array_from_process_local_data(sharding, np.asarray(x)),
            batch,
        )


def place_images(mesh: Mesh, image: np.ndarray) -> jax.Array:
    """Images for evaluation; every process has read all of them."""
    sharding = NamedSharding(mesh, PartitionSpec("data"))
    with jax.transfer_guard("allow"):  # this transfer is meant
        return jax.make_array_from_callback(image.shape, sharding, image.__getitem__)


def check_batch_size(name: str, batch_size: int, parts: int = 1) -> None:
    """Raises a `UserError` where a batch cannot be spread evenly over the devices.

    `parts` is into how many each device's share is divided (`config.accumulation`).
    """
    devices = jax.device_count()
    if batch_size % (devices * parts):
        each = f" with config.accumulation={parts}" if parts > 1 else ""
        raise UserError(
            f"config.{name}={batch_size} cannot be spread over {devices}"
            f" device{'s' * (devices > 1)}{each}; take a multiple of {devices * parts}"
        )


def place_ahead(mesh: Mesh, batches: Iterable[Batch]) -> Iterator[Batch]:
    """The batches, each on its way to the devices while they compute on the last."""
    ahead: Batch | None = None
    for batch in batches:
        placed = place_batch(mesh, batch)
        if ahead is not None:
            yield ahead
        ahead = placed
    if ahead is not None:
        yield ahead
