"""What a run was run with: one line of `starts.jsonl` for each time it was started."""

import collections
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

from au_jax.runtime.files import write_whole

LOG = logging.getLogger(__name__)


def record(workdir: Path) -> None:
    """Adds a line; warns of differences to the one before that change results."""
    path = workdir / "starts.jsonl"
    new = describe()
    old = [json.loads(line) for line in read_whole_lines(path)]
    for difference in differences(old[-1], new) if old else ():
        LOG.warning(
            "%s since this run was last started: its last digits may change",
            difference,
        )
    write_whole(path, "".join(json.dumps(start) + "\n" for start in (*old, new)))
    devices = collections.Counter(new["devices"])
    LOG.info("devices: %s", ", ".join(f"{n} x {kind}" for kind, n in devices.items()))


def read_whole_lines(path: Path) -> list[str]:
    """The lines of a file, less one that a full disk or a crash cut off."""
    if not path.exists():
        return []
    return [line for line in path.read_text().splitlines(True) if line.endswith("\n")]


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
