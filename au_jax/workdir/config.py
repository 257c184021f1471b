"""config.json: the resolved config of a run, stored in its work directory."""

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from au_jax.errors import UserError
from au_jax.runtime.files import write_whole
from au_jax.stages import STAGES
from au_jax.types import Config
from au_jax.workdir.json_file import damaged, read_json

FILE = "config.json"

EVALUATION_LOCK = ".eval.lock"
"""The lock of a program that evaluates a run, which may be trained meanwhile."""


def write_config(workdir: Path, config: Config) -> None:
    """Store the resolved config as JSON."""
    write_whole(workdir / FILE, json.dumps(as_json(config), indent=2) + "\n")


def read_config(workdir: Path) -> Config:
    """Read the config of a run.

    Raises:
        UserError: the folder holds no run, or the file is damaged.
    """
    path = workdir / FILE
    if not path.is_file():
        raise UserError(
            f"{workdir} holds no run: {path} does not exist; train one with"
            f" python -m au_jax.main --config=configs/joint.py --workdir={workdir}"
        )
    remedy = "copy it again, or run the training command again, which writes it"
    content = read_json(path, remedy)
    try:
        config: Config = ConfigDict(upgraded(content))
        same = set(config.stages) <= set(STAGES) and bool(config.data.aus)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise damaged(path, remedy) from None
    if not same:
        raise damaged(path, remedy)
    return config


def upgraded(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored config under today's keys, with the same meaning.

    Args:
        config: The content of a config.json, of a checkpoint's notes, or the entry
            `networks` of a model file, of this or an older version.

    Raises:
        KeyError: a key is absent that every version had.
    """
    new = copy.deepcopy(dict(config))
    model, loss = new["model"], new["loss"]
    if model.get("upsample") == 1:
        del model["upsample"]
    if "projectors" in model:
        model["projector"] = "identity_init" if model.pop("projectors") else "none"
    model.setdefault("au_pooling", "global")
    model.setdefault("attention", "detected")
    model.setdefault("resting_patches", False)
    if "alignment" not in loss:
        terms = [f"alignment_{kind}" for kind in ("feature", "landmark", "background")]
        loss["alignment"] = max(loss[term] for term in terms)
        for term in terms:
            loss[term] = loss[term] / loss["alignment"] if loss["alignment"] else 1.0
    loss.setdefault("alignment_landmark_on", "features")
    if "landmarks" in new:
        rate = new["optim"]["task"]["learning_rate"]
        new["landmarks"].setdefault("learning_rate", rate)
    if "supervised" in new:
        new["supervised"].setdefault("from_landmarks", False)
    if "gradient_patches" in new:
        new["gradient_patches"].setdefault("dropout", 0.0)
    if "data" in new:
        new["data"].setdefault("degraded", 0.0)
    if "stages" in new:
        new.setdefault("init_rule", "")
    if "eval" in new:
        new["eval"].setdefault("target_path", "reconstructed")
    return new


def as_json(config: Config) -> dict[str, Any]:
    """The config as plain JSON values: tuples become lists."""
    return json.loads(config.to_json_best_effort())
