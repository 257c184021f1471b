"""Place arrays on devices: the batch is divided over them, the state replicated."""

import functools
import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from au_jax.errors import UserError
from au_jax.types import Batch

T = TypeVar("T")


def make_mesh() -> Mesh:
    """Return a mesh of all devices along one axis, "data".

    Those of a process lie side by side, in the order of the processes, so that each
    reads neighbouring rows of a batch. (`jax.make_mesh` may choose another order.)
    """
    in_order = sorted(jax.devices(), key=lambda d: (d.process_index, d.id))
    return Mesh(np.array(in_order), ("data",), axis_types=(AxisType.Auto,))


def replicated(mesh: Mesh) -> NamedSharding:
    """Return the sharding that puts the same array on every device."""
    return NamedSharding(mesh, PartitionSpec())


def place_replicated(mesh: Mesh, tree: T) -> T:
    """Copy a pytree, equal in all processes, to every device of the mesh."""
    # Via the host, because arrays cannot go directly to devices of other processes.
    leaves, structure = jax.tree.flatten(tree)
    host, sharding = [np.asarray(leaf) for leaf in leaves], replicated(mesh)
    if jax.process_count() > 1:
        # One check for all: `device_put` would make the processes compare each array.
        digest = hashlib.sha256(b"".join(x.tobytes() for x in host))
        message = "the processes start from different networks"
        of_all = np.frombuffer(digest.digest(), np.uint8)
        multihost_utils.assert_equal(of_all, fail_message=message)
    placed = [
        jax.make_array_from_callback(x.shape, sharding, x.__getitem__) for x in host
    ]
    return jax.tree.unflatten(structure, placed)


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
    return _gatherer(mesh)(tree)


@functools.cache
def _gatherer(mesh: Mesh) -> Callable[[Any], Any]:
    """Return one program for all arrays of a tree, so that they travel together."""
    return jax.jit(lambda tree: tree, out_shardings=replicated(mesh))


def check_batch_size(
    name: str, batch_size: int, parts: int = 1, count: int | None = None
) -> None:
    """Raise a `UserError` if a batch cannot be divided evenly over the devices.

    Args:
        name: The key of the config.
        batch_size: Images of a domain, over all devices.
        parts: The share of each device is further divided into so many
            (`config.accumulation`).
        count: The number of devices, if it is not that of all there are.
    """
    devices = count or jax.device_count()
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
