"""Check the values of a config before anything is loaded or compiled."""

import difflib
import math
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any, get_args

from au_jax.errors import UserError
from au_jax.evaluation import label_free
from au_jax.models.au_detector import Pooling
from au_jax.runtime.command_line import flatten
from au_jax.stages import STAGES, predecessor
from au_jax.stages.networks import PROJECTORS
from au_jax.types import AU_PATHS, DOMAINS, RULES, Config
from au_jax.workdir import target_path

Check = tuple[Callable[[Any], bool], str]

LARGEST_BATCH = 8192
LARGEST_CROP, LARGEST_WIDTH = 1024, 8
"""The limits of model files, so that what was trained can be exported."""

AT_LEAST_0: Check = (lambda x: x >= 0, "at least 0")
FINITE: Check = (lambda x: 0 <= x < math.inf, "at least 0 and finite")
AT_LEAST_1: Check = (lambda x: x >= 1, "at least 1")
ABOVE_0: Check = (lambda x: 0 < x < math.inf, "above 0")
SPLITS: Check = (
    lambda x: len(x) == 2 and all(isinstance(name, str) for name in x),
    "two splits: for training and for validation",
)

NOT_FROM_SCRATCH = (
    *("finetune", "supervised", "adda", "adabn", "mean_teacher", "linear_probe"),
    *("drit_detector", "self_training"),
)
"""The stages that need the networks of their predecessor, if they have one."""

CHECKS: dict[str, Check] = {
    "log_every": AT_LEAST_1,
    "checkpoint_every": AT_LEAST_1,
    "accumulation": AT_LEAST_1,
    "max_steps_per_epoch": AT_LEAST_0,
    "data.source_splits": SPLITS,
    "data.target_splits": SPLITS,
    "data.aus": (
        lambda x: (
            0 < len(x) == len(set(x))
            and all(isinstance(au, int) and 1 <= au <= 60 for au in x)
        ),
        "one or more different AUs, each from 1 to 60",
    ),
    "data.crop": (
        # Four halvings, and the smallest map that the domain discriminators take.
        lambda x: 128 <= x <= LARGEST_CROP and x % 16 == 0,
        f"a multiple of 16, at least 128 and at most {LARGEST_CROP}",
    ),
    "data.degraded": (lambda x: 0 <= x <= 1, "at least 0 and at most 1"),
    "seed": (lambda x: 0 <= x < 2**32, "at least 0 and below 2^32"),
    "data.num_workers": AT_LEAST_0,
    "model.width": (
        lambda x: 0.01 <= x <= LARGEST_WIDTH,
        f"above 0: at least 0.01 and at most {LARGEST_WIDTH}",
    ),
    "model.reduction": (lambda x: 1 <= x <= 1024, "at least 1 and at most 1024"),
    "discriminators.every": AT_LEAST_1,
    "discriminators.r1": FINITE,
    "*loss.*": FINITE,
    "*.weight": FINITE,
    "*.dropout": (lambda x: 0 <= x < 1, "at least 0 and below 1"),
    "*.momentum": (lambda x: 0 <= x < 1, "at least 0 and below 1"),
    "*.share": (lambda x: 0 < x <= 1, "above 0 and at most 1"),
    "*.learning_rate": ABOVE_0,
    "optim.*.b1": (lambda x: 0 <= x < 1, "at least 0 and below 1"),
    "optim.*.b2": (lambda x: 0 <= x < 1, "at least 0 and below 1"),
    "*.epochs": AT_LEAST_1,
    "*.batch_size": (
        lambda x: 1 <= x <= LARGEST_BATCH,
        f"at least 1 and at most {LARGEST_BATCH}",
    ),
    "*.decay": (
        lambda x: len(x) > 0 and all(0 < factor < math.inf for factor in x),
        "one or more factors above 0",
    ),
}
"""By key, where * stands for anything."""

NAMES: dict[str, tuple[str, ...]] = {
    "stages": tuple(STAGES),
    "on_nonfinite": ("stop", "skip"),
    "init_rule": ("", *RULES),
    "model.dtype": ("float32", "bfloat16"),
    "model.projector": tuple(PROJECTORS),
    "model.au_pooling": get_args(Pooling),
    "model.attention": ("detected", "true"),
    "model.second_round": ("detached", "live"),
    "loss.alignment_landmark_on": ("features", "attention"),
    "eval.target_path": (*AU_PATHS, target_path.BEST),
    "eval.label_free": label_free.NAMES,
    "supervised.domain": DOMAINS,
}


def check_values(config: Config) -> None:
    """Check every value of a config.

    Raises:
        UserError: a value cannot work; the message names the first one.
    """
    if "stages" not in config:
        raise UserError("this config trains no stages; is it for au-jax compare?")
    for key, value in flatten(config).items():
        if key in NAMES:
            _check_names(key, value)
            continue
        for pattern, (holds, wanted) in CHECKS.items():
            if fnmatchcase(key, pattern) and not _holds(holds, value):
                raise UserError(f"config.{key}={value!r} must be {wanted}")
    _check_order(config)


def _check_order(config: Config) -> None:
    """Check that each stage comes once, and after the stage that it starts from."""
    stages = tuple(config.stages)
    before = {stage: predecessor(stage, config) for stage in stages}
    late = [s for at, s in enumerate(stages) if before[s] in stages[at + 1 :]]
    if len(set(stages)) < len(stages) or late:
        in_order = [stage for stage in STAGES if stage in stages]
        raise UserError(
            f"config.stages={','.join(stages)}: each stage once, in the order"
            f" {','.join(in_order)}, because each starts from the one before"
        )
    for stage, needed in before.items():
        missing = needed and needed not in stages and not config.init_from
        if missing and stage in NOT_FROM_SCRATCH:
            raise UserError(
                f"config.stages: {stage} has no networks to start from; put {needed}"
                " before it, or give --config.init_from=RUN"
            )


def _holds(check: Callable[[Any], bool], value: Any) -> bool:
    try:
        return check(value)
    except (TypeError, OverflowError):  # the wrong type, or 10^400
        return False


def _check_names(key: str, value: Any) -> None:
    values = (value,) if isinstance(value, str) else tuple(value)
    known = NAMES[key]
    if not values:
        raise UserError(f"config.{key} is empty; it takes: {', '.join(known)}")
    for name in values:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}? It" if near else "it"
            if "," in str(name):
                hint = f"write --config.{key}=A --config.{key}=B; it"
            names = ", ".join(other or '""' for other in known)
            raise UserError(
                f"config.{key}: {name!r} is not known; {hint} takes: {names}"
            )
