"""Rematerialisation: less memory for a slightly longer backward pass.

The backward pass needs several maps of each block (convolution, norm, PReLU). All of
them follow from the result of the convolution by cheap arithmetic. Only that result is
saved; the backward pass recomputes the rest. No 3x3 convolution of stride 1 runs
twice.
"""

from collections.abc import Callable
from typing import TypeVar

import jax
from jax.ad_checkpoint import checkpoint_name

Result = TypeVar("Result")

SAVED = "convolution"
"""The name under which `jax.checkpoint` knows the arrays that are saved."""


def mark_saved(x: jax.Array) -> jax.Array:
    """Mark an array that the backward pass must not recompute."""
    return checkpoint_name(x, SAVED)


def rematerialise(
    forward: Callable[..., Result], enabled: bool
) -> Callable[..., Result]:
    """Return `forward` such that its gradient saves only the marked arrays.

    Without `enabled`, return it unchanged; its gradient then saves all that it needs.
    """
    if not enabled:
        return forward
    policy = jax.checkpoint_policies.save_only_these_names(SAVED)
    return jax.checkpoint(forward, policy=policy)
