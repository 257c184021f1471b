"""What a workdir holds: the run's config, and one folder of checkpoints per stage."""

import json
import logging
from pathlib import Path

import jax
from ml_collections import ConfigDict

from au_jax import checkpoint
from au_jax.errors import UserError
from au_jax.stages import STAGES
from au_jax.types import DOMAINS, Config, Params

LOG = logging.getLogger(__name__)

# Where the networks of a stage come from, if that stage was run before in the workdir:
# the stage, and the domain whose best checkpoint is taken.
PREDECESSORS = {"joint": ("landmarks", "source"), "finetune": ("joint", "target")}


def write_config(workdir: Path, config: Config) -> None:
    """Stores the resolved config as JSON."""
    workdir.mkdir(parents=True, exist_ok=True)
    text = json.dumps(json.loads(config.to_json_best_effort()), indent=2)
    (workdir / "config.json").write_text(text + "\n")


def read_config(workdir: Path) -> Config:
    """The config of a run; raises a `UserError` where there is none."""
    path = workdir / "config.json"
    if not path.is_file():
        raise UserError(
            f"{workdir} holds no run: there is no {path}; train with"
            f" python -m au_jax.main --config=configs/joint.py --workdir={workdir}"
        )
    return ConfigDict(json.loads(path.read_text()))


def initial_networks(
    name: str, config: Config, workdir: Path
) -> tuple[dict[str, Params], dict[str, Params]]:
    """Fresh networks for a stage, those of the stage before it taken over."""
    key = jax.random.fold_in(jax.random.key(config.seed), list(STAGES).index(name))
    # It runs once: a quick compilation is worth more than a quick program.
    init = jax.jit(
        lambda key: STAGES[name].init(config, key),
        compiler_options={"xla_backend_optimization_level": 0},
    )
    params, batch_stats = init(key)
    before, domain = PREDECESSORS.get(name, ("", ""))
    if before not in config.stages or not (workdir / before).is_dir():
        return params, batch_stats
    found, found_stats, step = best_networks(before, domain, config, workdir)
    for ours, theirs in ((params, found), (batch_stats, found_stats)):
        for group, networks in theirs.items():
            ours[group] |= {k: v for k, v in networks.items() if k in ours[group]}
    taken = sorted(network for group in found.values() for network in group)
    LOG.info("%s starts from %s, step %d: %s", name, before, step, ", ".join(taken))
    return params, batch_stats


def best_networks(
    stage: str, domain: str, config: Config, workdir: Path
) -> tuple[dict[str, Params], dict[str, Params], int]:
    """The checkpoint of a stage that validated best on `domain`, and its step."""
    shapes = jax.eval_shape(lambda: STAGES[stage].init(config, jax.random.key(0)))
    device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    params, batch_stats = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=device), shapes
    )
    with checkpoint.open_manager(workdir / stage, DOMAINS) as manager:
        if manager.latest_step() is None:
            raise UserError(f"{workdir / stage} holds no checkpoint yet")
        step, _ = checkpoint.best_step(manager, domain)
        return *checkpoint.restore_networks(manager, step, params, batch_stats), step


def stages_with_checkpoints(
    config: Config, workdir: Path, domain: str
) -> dict[str, float]:
    """The run's stages that have a checkpoint, and the best score each has."""
    scores = {}
    for stage in config.stages:
        if (workdir / stage).is_dir():
            with checkpoint.open_manager(workdir / stage, DOMAINS) as manager:
                if manager.latest_step() is not None:
                    _, scores[stage] = checkpoint.best_step(manager, domain)
    return scores
