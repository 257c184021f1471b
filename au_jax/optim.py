"""Learning rates and Adam, one chain per parameter group (method.md section 5)."""

from collections.abc import Iterable, Sequence

import optax

from au_jax.types import Config


def phases(
    learning_rate: float, factors: Sequence[float], num_steps: int
) -> optax.Schedule:
    """`learning_rate` times one factor after the other, each for an equal share.

    The paper's stage 2 is (1, 2/3, 1/3) over 12 epochs: 4 epochs each.
    """
    boundaries = [round(num_steps * i / len(factors)) for i in range(1, len(factors))]
    rates = [optax.constant_schedule(learning_rate * factor) for factor in factors]
    return optax.join_schedules(rates, boundaries)


def learning_rates(
    config: Config, stage: str, groups: Iterable[str], num_steps: int
) -> dict[str, optax.Schedule]:
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
    """Adam per group, for a stage of `num_steps` steps."""
    return {
        group: optax.adam(rate, b1=config.optim[group].b1, b2=config.optim[group].b2)
        for group, rate in learning_rates(config, stage, groups, num_steps).items()
    }
