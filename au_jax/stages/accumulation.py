"""Gradient accumulation, for batches that do not fit into memory.

A batch is split into microbatches, which are processed one after the other. Batch norm
uses the statistics of each microbatch, as do the terms of `coral`, `mmd` and `entropy`.
So do the curriculum of `fab_net` and `tae`, which ranks its samples, and the contrasts
of `clp`, which tell a frame from the others in it. Loss terms and gradients are the
means over the microbatches.

Microbatches differ in how many labels are known. So that the mean of their `au` is that
of the batch, each divides by the same number: its share of the batch's known labels.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from au_jax.types import Batch, Microbatch

Tree = Any


def split_batch(batch: Batch, count: int) -> Microbatch:
    """Reshape a batch with axes (d, b, ...) to (count, d, b / count, ...).

    Microbatch m has the rows m, m + count, ... It takes equally many rows from every
    device, so that no image moves between devices. `known_per_part`, counted over all
    devices, is the same for all microbatches.
    """

    def split(x: jax.Array) -> jax.Array:
        strided = x.reshape(x.shape[0], -1, count, *x.shape[2:])
        return jnp.moveaxis(strided, 2, 0)

    known = jnp.maximum(batch["aus_known"].sum(axis=(1, 2)), 1)
    per_part = jnp.broadcast_to(known / count, (count, len(known)))
    return Microbatch(**jax.tree.map(split, batch), known_per_part=per_part)


def mean_over_microbatches(
    function: Callable[[Tree, Batch], tuple[Tree, Tree]],
    carry: Tree,
    batch: Batch,
    count: int,
) -> tuple[Tree, Tree]:
    """Return the mean of a function's results over the microbatches of a batch.

    Args:
        function: `(carry, microbatch) -> (carry, results)`. The carry (the running
            statistics) passes from one microbatch to the next. Only the sum of the
            results is held in memory.
        carry: The carry for the first microbatch.
        batch: The whole batch.
        count: The number of microbatches, a divisor of the batch size. With 1 the
            call is `function(carry, batch)`.

    Returns:
        The last carry and the mean of the results.
    """
    if count == 1:
        return function(carry, batch)
    microbatches = split_batch(batch, count)
    first = jax.tree.map(lambda x: x[0], microbatches)
    shapes = jax.eval_shape(function, carry, first)[1]
    total = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)

    def add(
        carry_and_total: tuple[Tree, Tree], microbatch: Batch
    ) -> tuple[tuple[Tree, Tree], None]:
        carry, total = carry_and_total
        carry, results = function(carry, microbatch)
        return (carry, jax.tree.map(jnp.add, total, results)), None

    if jax.default_backend() == "cpu":
        # Unrolled: inside a loop XLA's CPU backend runs convolutions 8 times slower.
        for i in range(count):
            microbatch = jax.tree.map(lambda x, i=i: x[i], microbatches)
            # The barrier makes each microbatch wait for the one before it, so that
            # memory holds the activations of one at a time.
            (carry, total), microbatch = lax.optimization_barrier(
                ((carry, total), microbatch)
            )
            (carry, total), _ = add((carry, total), microbatch)
    else:
        (carry, total), _ = lax.scan(add, (carry, total), microbatches)
    return carry, jax.tree.map(lambda x: x / count, total)
