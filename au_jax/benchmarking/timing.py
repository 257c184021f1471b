"""Medians and spreads of times, and the rate of a matrix product beside them."""

import dataclasses
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


@dataclasses.dataclass(frozen=True)
class Times:
    """Seconds of the repetitions of one thing."""

    median: float
    fastest: float
    slowest: float


def summarise(seconds: list[float]) -> Times:
    """Their median and extremes."""
    return Times(statistics.median(seconds), min(seconds), max(seconds))


def seconds(function: Callable[[], Any]) -> float:
    """How long `function` takes until its arrays are there."""
    start = time.perf_counter()
    jax.block_until_ready(function())
    return time.perf_counter() - start


def matrix_product(dtype: str, side: int) -> Callable[[], float]:
    """A function that multiplies two matrices and returns operations per second."""
    matrix = jnp.ones((side, side), dtype)
    product = jax.jit(jnp.matmul)
    jax.block_until_ready(product(matrix, matrix))
    return lambda: 2 * side**3 / seconds(lambda: product(matrix, matrix))
