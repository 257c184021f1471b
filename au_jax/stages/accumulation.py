"""A batch in parts, one after the other: for batches that memory cannot hold.

Each part has batch statistics of its own, as if it were a batch; loss terms and
gradients are the means over the parts.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from au_jax.types import Batch

Tree = Any


def split(batch: Batch, parts: int) -> Batch:
    """A batch with axes (d, b, ...) as (parts, d, b / parts, ...).

    Part p has the rows p, p + parts, ...: of each device's rows the same number, so
    that nothing moves between devices.
    """

    def one(x: jax.Array) -> jax.Array:
        by_part = x.reshape(x.shape[0], -1, parts, *x.shape[2:])
        return jnp.moveaxis(by_part, 2, 0)

    return jax.tree.map(one, batch)


def mean(
    function: Callable[[Tree, Batch], tuple[Tree, Tree]],
    carry: Tree,
    batch: Batch,
    parts: int,
) -> tuple[Tree, Tree]:
    """The mean of a function's results over the parts of a batch.

    Args:
        function: `(carry, part) -> (carry, results)`; the carry is handed from part to
            part (running statistics), of the results only the sum is kept in memory.
        carry: What the first part takes.
        batch: Of all parts together.
        parts: Their number; with 1 this is `function(carry, batch)`.

    Returns:
        The last carry, and the mean of the results.
    """
    if parts == 1:
        return function(carry, batch)
    rows = split(batch, parts)
    shapes = jax.eval_shape(function, carry, jax.tree.map(lambda x: x[0], rows))[1]
    total = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)

    def add(before: tuple[Tree, Tree], part: Batch) -> tuple[tuple[Tree, Tree], None]:
        carry, total = before
        carry, found = function(carry, part)
        return (carry, jax.tree.map(jnp.add, total, found)), None

    if jax.default_backend() == "cpu":
        # In a loop of the program XLA's CPU backend is 8 times as slow at convolutions.
        for i in range(parts):
            part = jax.tree.map(lambda x, i=i: x[i], rows)
            # A part begins when the one before is done: memory holds one at a time.
            (carry, total), part = lax.optimization_barrier(((carry, total), part))
            (carry, total), _ = add((carry, total), part)
    else:
        (carry, total), _ = lax.scan(add, (carry, total), rows)
    return carry, jax.tree.map(lambda x: x / parts, total)
