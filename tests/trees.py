"""Comparisons of nested arrays."""

from typing import Any

import jax
import numpy as np


def assert_trees_equal(actual: Any, expected: Any) -> None:
    """Assert the same structure and bit-identical numbers."""
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    for pair in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(*pair)


def assert_trees_close(actual: Any, expected: Any, rtol: float, atol: float) -> None:
    """Assert the same structure and numbers within the tolerances."""
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    for pair in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(*pair, rtol=rtol, atol=atol)
