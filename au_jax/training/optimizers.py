"""Learning rates and Adam, one chain per parameter group (method.md section 5)."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import optax

from au_jax.types import Config

Schedule = Callable[[Any], Any]
"""optax's, but of an `int` a `float`: no device has to be asked."""


def phases(learning_rate: float, factors: Sequence[float], num_steps: int) -> Schedule:
    """`learning_rate` times one factor after the other, each for an equal share.

    The paper's stage 2 is (1, 2/3, 1/3) over 12 epochs: 4 epochs each.

    Returns:
        A function of the steps done.
    """
    boundaries = [round(num_steps * i / len(factors)) for i in range(1, len(factors))]
    changes = [after - before for before, after in itertools.pairwise(factors)]

    def rate(step: Any) -> Any:
        steps = zip(changes, boundaries, strict=True)
        factor = factors[0] + sum(change * (step >= start) for change, start in steps)
        return learning_rate * factor

    return rate


def learning_rates(
    config: Config, stage: str, groups: Iterable[str], num_steps: int
) -> dict[str, Schedule]:
    """Per group, as a function of the steps done.

    A stage with a `learning_rate` of its own has it for every group.
    """
    schedule = config[stage]
    return {
        group: phases(
            schedule.get("learning_rate", config.optim[group].learning_rate),
            schedule.decay,
            num_steps,
        )
        for group in groups
    }


def make_optimizers(
    config: Config, stage: str, groups: Iterable[str], num_steps: int
) -> dict[str, optax.GradientTransformation]:
    """Adam per group, for a stage of `num_steps` steps.

    Its moments are one vector per group: on GPUs, a parameter's own update would be a
    few launches of kernels that have next to nothing to do.
    """
    return {
        group: optax.flatten(
            optax.adam(rate, b1=config.optim[group].b1, b2=config.optim[group].b2)
        )
        for group, rate in learning_rates(config, stage, groups, num_steps).items()
    }
