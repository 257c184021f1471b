"""Learning rates and Adam, one optimizer per parameter group (method.md section 5)."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import optax

from au_jax.types import Config

Schedule = Callable[[Any], Any]
"""An optax schedule that maps an `int` to a `float` without asking a device."""


def phases(learning_rate: float, factors: Sequence[float], num_steps: int) -> Schedule:
    """A learning rate that is constant within phases of equal length.

    The paper's stage 2 has the factors (1, 2/3, 1/3) over 12 epochs, 4 epochs each.

    Args:
        learning_rate: The rate at a factor of 1.
        factors: One per phase.
        num_steps: Steps of the whole stage.

    Returns:
        The rate as a function of the steps done.
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
    """The learning rate of each group as a function of the steps done.

    If the stage has a `learning_rate` of its own, that holds for every group.
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
    """One Adam per group, for a stage of `num_steps` steps.

    The moments of a group are one vector: on a GPU, an update per parameter would
    launch a few kernels each, with next to no work.
    """
    return {
        group: optax.flatten(
            optax.adam(rate, b1=config.optim[group].b1, b2=config.optim[group].b2)
        )
        for group, rate in learning_rates(config, stage, groups, num_steps).items()
    }
