"""Timing of functions, and a matrix product as the reference rate."""

import dataclasses
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


@dataclasses.dataclass(frozen=True)
class Times:
    """Seconds of repeated runs."""

    median: float
    fastest: float
    slowest: float


def summarise(seconds: list[float]) -> Times:
    """Return the median and the extremes."""
    return Times(statistics.median(seconds), min(seconds), max(seconds))


def time_call(function: Callable[[], Any]) -> float:
    """Return the seconds until the arrays that `function` returns are computed."""
    start = time.perf_counter()
    jax.block_until_ready(function())
    return time.perf_counter() - start


def make_matrix_product(dtype: str, side: int) -> Callable[[], float]:
    """Return a function that multiplies two matrices and returns operations/second.

    Their entries are random: multiplying ones costs a GPU less power, and so less time.
    """
    matrix = jax.random.normal(jax.random.key(0), (side, side), dtype)
    product = jax.jit(jnp.matmul)
    jax.block_until_ready(product(matrix, matrix))
    return lambda: 2 * side**3 / time_call(lambda: product(matrix, matrix))
