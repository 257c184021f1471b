"""What a run was run with: one line of `starts.jsonl` for each time it was started."""

import importlib.metadata
import json
import logging
import platform
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jax

LOG = logging.getLogger(__name__)


def record(workdir: Path) -> None:
    """Adds a line; warns of differences to the one before that change results."""
    path = workdir / "starts.jsonl"
    new = describe()
    if path.exists() and (lines := path.read_text().splitlines()):
        for difference in differences(json.loads(lines[-1]), new):
            LOG.warning(
                "%s since this run was last started: its last digits may change",
                difference,
            )
    with path.open("a") as file:
        file.write(json.dumps(new) + "\n")


def describe() -> dict[str, Any]:
    """Command, versions, devices and, in a checkout, the git revision."""
    packages = {
        dist.metadata["Name"]: dist.version
        for dist in importlib.metadata.distributions()
        if dist.metadata["Name"]
    }
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "command": shlex.join(sys.argv),
        "host": platform.node(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": dict(sorted(packages.items(), key=lambda item: item[0].lower())),
        "processes": jax.process_count(),
        "devices": [device.device_kind for device in jax.devices()],
        "git": git_revision(Path(__file__).parent),
    }


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What differs among the things that results may depend on, each as "a -> b"."""
    found = []
    for name in ("jax", "jaxlib", "flax", "optax", "numpy", "grain", "au-jax"):
        before, now = (x["packages"].get(name) for x in (old, new))
        if before != now:
            found.append(f"{name} {before} -> {now}")
    for name in ("devices", "processes", "git"):
        if old[name] != new[name]:
            found.append(f"{name} {old[name]} -> {new[name]}")
    return found


def git_revision(folder: Path) -> str | None:
    """The commit, with "+changes" where files differ from it; None outside of git."""
    try:
        commit, changes = (
            subprocess.run(
                ["git", "-C", str(folder), *arguments],
                capture_output=True,
                text=True,
                check=True,
                timeout=10,
            ).stdout.strip()
            for arguments in (
                ("rev-parse", "HEAD"),
                ("status", "--porcelain", "--untracked-files=no"),
            )
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{commit}+changes" if changes else commit
