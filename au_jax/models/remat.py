"""Less memory for a longer backward pass: `jax.checkpoint`, set up for these networks.

Of each block (convolution, norm, PReLU) the backward pass needs several maps. All but
one follow from the result of the convolution by cheap arithmetic: that one is kept, and
the rest computed again when it is needed. No 3x3 convolution runs twice.
"""

from collections.abc import Callable
from typing import TypeVar

import jax
from jax.ad_checkpoint import checkpoint_name

Result = TypeVar("Result")

KEPT = "convolution"
"""The name of what is kept."""


def keep(x: jax.Array) -> jax.Array:
    """Marks what the backward pass shall not compute again."""
    return checkpoint_name(x, KEPT)


def forward(function: Callable[..., Result], enabled: bool) -> Callable[..., Result]:
    """A forward pass of which gradients keep only what is marked, where `enabled`."""
    if not enabled:
        return function
    policy = jax.checkpoint_policies.save_only_these_names(KEPT)
    return jax.checkpoint(function, policy=policy)
