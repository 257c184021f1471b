"""config.json: the resolved config of a run, stored in its work directory."""

import json
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from au_jax.errors import UserError
from au_jax.runtime.files import write_whole
from au_jax.types import Config

FILE = "config.json"


def write_config(workdir: Path, config: Config) -> None:
    """Store the resolved config as JSON."""
    write_whole(workdir / FILE, json.dumps(as_json(config), indent=2) + "\n")


def read_config(workdir: Path) -> Config:
    """Read the config of a run.

    Raises:
        UserError: the folder holds no run.
    """
    path = workdir / FILE
    if not path.is_file():
        raise UserError(
            f"{workdir} holds no run: {path} does not exist; train one with"
            f" python -m au_jax.main --config=configs/joint.py --workdir={workdir}"
        )
    return ConfigDict(json.loads(path.read_text()))


def as_json(config: Config) -> dict[str, Any]:
    """The config as plain JSON values: tuples become lists."""
    return json.loads(config.to_json_best_effort())
