"""Comparisons of nested arrays."""

from typing import Any

import jax
import numpy as np


def assert_trees_equal(found: Any, wanted: Any) -> None:
    """Assert the same structure and bit-identical numbers."""
    assert jax.tree.structure(found) == jax.tree.structure(wanted)
    for pair in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_array_equal(*pair)


def assert_trees_close(found: Any, wanted: Any, rtol: float, atol: float) -> None:
    """Assert the same structure and numbers within the tolerances."""
    assert jax.tree.structure(found) == jax.tree.structure(wanted)
    for pair in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(*pair, rtol=rtol, atol=atol)
