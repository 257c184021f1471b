"""Metrics on Weights & Biases, if `config.wandb` names a project."""

import contextlib
import importlib
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from au_jax.errors import UserError
from au_jax.runtime.files import write_whole
from au_jax.types import Config
from au_jax.workdir.config import as_json


def load() -> Any:
    """Import the package.

    Raises:
        UserError: it is not installed.
    """
    try:
        return importlib.import_module("wandb")
    except ImportError:
        raise UserError(
            "config.wandb needs a package that is not installed: pip install wandb"
        ) from None


@contextlib.contextmanager
def opened(config: Config, workdir: Path, wandb: Any) -> Iterator[Any]:
    """Open the wandb run of a work directory; when training resumes, so does it.

    Args:
        config: The config of the run; `config.wandb` is the project.
        workdir: The work directory: the wandb run has its name, its id is kept there.
        wandb: The package, from `load`.

    Raises:
        UserError: wandb refuses, for example because nobody is logged in.
    """
    path = workdir / "wandb_id"
    if not path.exists():
        write_whole(path, secrets.token_hex(8))
    number = path.read_text(errors="replace").strip()
    if not re.fullmatch(r"[\w-]{1,64}", number, re.ASCII):
        raise UserError(f"{path} is damaged; delete it, and a new wandb run begins")
    try:
        run = wandb.init(
            project=config.wandb,
            id=number,
            name=workdir.absolute().name,
            dir=str(workdir),
            config=as_json(config),
            resume="allow",
        )
    except wandb.Error as error:
        text = " ".join(str(error).split())
        raise UserError(f"config.wandb={config.wandb}: {text}") from error
    try:
        yield run
    finally:
        run.finish()
