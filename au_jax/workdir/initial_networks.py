"""The networks that a stage starts from: random, or taken from earlier stages."""

import logging
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp

from au_jax.errors import UserError
from au_jax.stages import (
    ALWAYS_RANDOM,
    STAGES,
    WITHOUT_AUS,
    adaptation,
    adda,
    clp,
    gradient_patches,
    linear_probe,
    mean_teacher,
    predecessor,
    self_training,
)
from au_jax.types import Config, Variables
from au_jax.workdir import checkpoints
from au_jax.workdir.best_networks import best_networks
from au_jax.workdir.config import read_config

LOG = logging.getLogger(__name__)

COPIES = {
    "adda": (("feature_encoder", adda.SOURCE),),
    "clp": tuple(zip(clp.LEARNER, clp.FOLLOWER, strict=True)),
    "mean_teacher": tuple(zip(mean_teacher.TEACHER, mean_teacher.STUDENT, strict=True)),
    "self_training": ((gradient_patches.DETECTOR, self_training.TEACHER),),
}
"""Stage -> pairs of a network and the one that starts as its copy."""

WITH_AUS = (adaptation.BRANCH, gradient_patches.DETECTOR, linear_probe.PROBE)
"""The networks whose outputs are the AUs of a config, in its order."""


class Origin(NamedTuple):
    """The arguments with which `best_networks` loads the networks of another run."""

    stage: str
    rule: str
    config: Config
    workdir: Path


def fresh_networks(stage: str, config: Config) -> Variables:
    """Untrained networks of a stage, drawn with the config's seed."""
    key = jax.random.fold_in(jax.random.key(config.seed), list(STAGES).index(stage))
    # The program runs once: quick compilation is worth more than quick execution.
    init = jax.jit(
        lambda key: STAGES[stage].init(config, key),
        compiler_options={"xla_backend_optimization_level": 0},
    )
    return init(key)


def initial_networks(stage: str, config: Config, workdir: Path) -> Variables:
    """The networks of a stage before its first step.

    They are drawn at random. Then networks of `config.init_from`, and after these the
    networks of the stage's predecessor in the same run, replace those of their name.
    """
    variables = fresh_networks(stage, config)
    if config.init_from and stage not in ALWAYS_RANDOM:
        origin = find_origin(config.init_from, config.init_rule)
        taken, step = best_networks(*origin)
        label = f"{origin.workdir / origin.stage}, step {step}"
        check_same_aus(variables, taken, origin.config, config, label)
        variables = take_networks(stage, variables, taken, label)
    before = predecessor(stage, config)
    if before in config.stages and (workdir / before).is_dir():
        rule = usual_rule(before, config)
        taken, step = best_networks(before, rule, config, workdir)
        variables = take_networks(stage, variables, taken, f"{before}, step {step}")
    for original, copy in COPIES.get(stage, ()):
        for groups in variables:
            groups["task"][copy] = groups["task"][original]
    return variables


def check_same_aus(
    variables: Variables,
    taken: Variables,
    theirs: Config,
    ours: Config,
    origin: str,
) -> None:
    """Check that networks which answer by AU were trained for the AUs of this config.

    Their shapes tell only how many AUs there are.

    Raises:
        UserError: the AUs differ, or their order.
    """
    task = variables.params.get("task", {}), taken.params.get("task", {})
    names = [name for name in WITH_AUS if all(name in networks for networks in task)]
    own, other = (",".join(map(str, config.data.aus)) for config in (ours, theirs))
    if names and own != other:
        raise UserError(
            f"{origin}: {', '.join(names)} detects the AUs {other}, and this config has"
            f" {own}; give --config.data.aus={other}, or start without config.init_from"
        )


def find_origin(init_from: str, init_rule: str) -> Origin:
    """Find the stage that `config.init_from` names: a run, or the folder of a stage.

    Of a run, the last stage counts. Without `config.init_rule`, `usual_rule` counts.

    Raises:
        UserError: the folder holds no checkpoint.
    """
    path = Path(init_from).expanduser()
    folder = path
    if path.name not in STAGES or not checkpoints.position(path):
        stages = [stage for stage in STAGES if checkpoints.position(path / stage)]
        if not stages:
            raise UserError(
                f"config.init_from={path} holds no checkpoint; give the work directory"
                " of a run, or the folder of a stage in it"
            )
        in_order = [stage for stage in read_config(path).stages if stage in stages]
        folder = path / (in_order or stages)[-1]
    config = read_config(folder.parent)
    rule = init_rule or usual_rule(folder.name, config)
    return Origin(folder.name, rule, config, folder.parent)


def usual_rule(stage: str, config: Config) -> str:
    """Return the rule that chooses a stage's checkpoint where nobody says which.

    It is the target, or the source where the stage learns from the source alone. For
    `supervised`, it is the domain whose labels it learned from.

    Args:
        stage: The stage whose networks are taken.
        config: The config of its run.
    """
    if stage == "supervised":
        return config.supervised.domain
    source_alone = (*WITHOUT_AUS, "linear_probe", "gradient_patches")
    return "source" if stage in source_alone else "target"


def take_networks(
    stage: str, variables: Variables, taken: Variables, origin: str
) -> Variables:
    """Replace the networks of a stage by those of the same name in `taken`.

    Args:
        stage: For messages.
        variables: The networks of the stage.
        taken: The networks of another stage or run.
        origin: The place that `taken` comes from, for messages.

    Raises:
        UserError: no name is in both, or the shapes differ.
    """
    params = {group: dict(found) for group, found in variables.params.items()}
    batch_stats = {group: dict(found) for group, found in variables.batch_stats.items()}
    names = []
    for group, networks in taken.params.items():
        for name, network in networks.items():
            if name not in params.get(group, {}):
                continue
            ours = params[group][name]
            if jax.tree.map(jnp.shape, network) != jax.tree.map(jnp.shape, ours):
                raise UserError(
                    f"{origin}: the shapes of {name} differ from this config's; give"
                    " config.model, data.crop and data.aus the same values, or start"
                    " without it"
                )
            params[group][name] = network
            if name in batch_stats.get(group, {}):
                batch_stats[group][name] = taken.batch_stats[group][name]
            names.append(f"{group}/{name}")
    if not names:
        raise UserError(f"{origin} has no network that stage {stage} could start from")
    LOG.info("%s starts from %s: %s", stage, origin, ", ".join(names))
    return Variables(params, batch_stats)
