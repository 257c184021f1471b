"""What a workdir holds: the run's config, and one folder of checkpoints per stage."""

import json
import logging
from pathlib import Path

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from au_jax.errors import UserError
from au_jax.runtime.files import write_whole
from au_jax.stages import STAGES
from au_jax.types import DOMAINS, Config, Params, Variables
from au_jax.workdir import checkpoints

LOG = logging.getLogger(__name__)

Found = tuple[dict[str, Params], dict[str, Params], int]
"""Parameters, running statistics, and the step of the checkpoint they are from."""

# Where the networks of a stage come from, if that stage was run before in the workdir:
# the stage, and the domain whose best checkpoint is taken.
PREDECESSORS = {"joint": ("landmarks", "source"), "finetune": ("joint", "target")}


def write_config(workdir: Path, config: Config) -> None:
    """Stores the resolved config as JSON."""
    text = json.dumps(json.loads(config.to_json_best_effort()), indent=2)
    write_whole(workdir / "config.json", text + "\n")


def read_config(workdir: Path) -> Config:
    """The config of a run; raises a `UserError` where there is none."""
    path = workdir / "config.json"
    if not path.is_file():
        raise UserError(
            f"{workdir} holds no run: there is no {path}; train with"
            f" python -m au_jax.main --config=configs/joint.py --workdir={workdir}"
        )
    return ConfigDict(json.loads(path.read_text()))


def network_shapes(stage: str, config: Config) -> Variables:
    """Parameters and running statistics of a stage by shape; nothing is computed."""
    return jax.eval_shape(lambda: STAGES[stage].init(config, jax.random.key(0)))


def fresh_networks(name: str, config: Config) -> Variables:
    """Networks for a stage that have learned nothing, drawn by the config's seed."""
    key = jax.random.fold_in(jax.random.key(config.seed), list(STAGES).index(name))
    # It runs once: a quick compilation is worth more than a quick program.
    init = jax.jit(
        lambda key: STAGES[name].init(config, key),
        compiler_options={"xla_backend_optimization_level": 0},
    )
    return init(key)


def initial_networks(name: str, config: Config, workdir: Path) -> Variables:
    """Fresh networks for a stage, those of the stage before it taken over."""
    params, batch_stats = fresh_networks(name, config)
    if config.init_from:
        stage, domain, theirs, folder = origin(config.init_from)
        found = best_networks(stage, domain, theirs, folder)
        label = f"{folder / stage}, step {found[2]}"
        merge(name, label, found, params, batch_stats)
    before, domain = PREDECESSORS.get(name, ("", ""))
    if before in config.stages and (workdir / before).is_dir():
        found = best_networks(before, domain, config, workdir)
        merge(name, f"{before}, step {found[2]}", found, params, batch_stats)
    return Variables(params, batch_stats)


def origin(init_from: str) -> tuple[str, str, Config, Path]:
    """What `best_networks` needs for another run: a workdir, or a stage in it.

    Of a run its last stage counts, of a stage the checkpoint that validated best: on
    the target, or on the source where only that was learned from.

    Raises:
        UserError: there is no checkpoint.
    """
    path = Path(init_from).expanduser()
    stages = [stage for stage in STAGES if checkpoints.position(path / stage)]
    folder = path
    if path.name not in STAGES or not checkpoints.position(path):
        if not stages:
            raise UserError(
                f"config.init_from={path} holds no checkpoint; give the work directory"
                " of a run, or the folder of a stage in it"
            )
        order = [s for s in read_config(path).stages if s in stages]
        folder = path / (order or stages)[-1]
    stage, config = folder.name, read_config(folder.parent)
    domain = "source" if stage in ("landmarks", "supervised") else "target"
    return stage, domain, config, folder.parent


def merge(
    name: str,
    origin: str,
    found: Found,
    params: dict[str, Params],
    batch_stats: dict[str, Params],
) -> None:
    """Takes the networks of `found` that the stage `name` has, too, and names them."""
    taken = []
    for group, networks in found[0].items():
        for network, theirs in networks.items():
            if network not in params.get(group, {}):
                continue
            ours = params[group][network]
            if jax.tree.map(jnp.shape, theirs) != jax.tree.map(jnp.shape, ours):
                raise UserError(
                    f"{origin}: {network} has other shapes than this config's; make"
                    " config.model, data.crop and data.aus the same, or start afresh"
                )
            params[group][network] = theirs
            if network in batch_stats.get(group, {}):
                batch_stats[group][network] = found[1][group][network]
            taken.append(f"{group}/{network}")
    if not taken:
        raise UserError(f"{origin} has no network that stage {name} could start from")
    LOG.info("%s starts from %s: %s", name, origin, ", ".join(taken))


def best_networks(stage: str, domain: str, config: Config, workdir: Path) -> Found:
    """The checkpoint of a stage that validated best on `domain`, and its step."""
    shapes = network_shapes(stage, config)
    device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    params, batch_stats = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=device), shapes
    )
    with checkpoints.open_manager(workdir / stage, DOMAINS, read_only=True) as manager:
        if not any(manager.metrics(step) for step in manager.all_steps()):
            raise UserError(f"{workdir / stage} holds no validated checkpoint yet")
        step, _ = checkpoints.best_step(manager, domain)
        return *checkpoints.restore_networks(manager, step, params, batch_stats), step


def stages_with_checkpoints(
    config: Config, workdir: Path, domain: str
) -> dict[str, float]:
    """The run's stages that have a checkpoint, and the best score each has."""
    scores = {}
    for stage in config.stages:
        if (workdir / stage).is_dir():
            folder = workdir / stage
            with checkpoints.open_manager(folder, DOMAINS, read_only=True) as manager:
                if any(manager.metrics(step) for step in manager.all_steps()):
                    _, scores[stage] = checkpoints.best_step(manager, domain)
    return scores
