"""starts.jsonl: the command, versions and devices of each start of a run."""

import collections
import importlib.metadata
import json
import logging
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

from au_jax.runtime.files import write_whole

FILE = "starts.jsonl"

LOG = logging.getLogger(__name__)


def record(
    workdir: Path,
    landmarks_by: Mapping[str, str],
    datasets: Mapping[str, str] | None = None,
    licences: Mapping[str, str] | None = None,
) -> None:
    """Append a line; warn of changes since the last start that results depend on.

    Args:
        workdir: The folder of the run.
        landmarks_by: By domain, the origin of the landmarks of its data.
        datasets: By prepared set, the raw set that was read, where it is known.
        licences: By prepared set, the licence of its pictures, where it is stated.
    """
    path = workdir / FILE
    this = describe_start()
    this |= {
        "landmarks_by": dict(landmarks_by),
        "datasets": dict(datasets or {}),
        "licences": dict(licences or {}),
    }
    # A damaged line describes no start; it is kept, and compared with nothing.
    lines = read_whole_lines(path)
    last = _parsed(lines[-1]) if lines else None
    for difference in differences(last, this) if last else ():
        LOG.warning(
            "%s since the last start of this run: the last digits may change",
            difference,
        )
    write_whole(path, "".join(lines) + json.dumps(this) + "\n")
    devices = collections.Counter(this["devices"])
    LOG.info("devices: %s", ", ".join(f"{n} x {kind}" for kind, n in devices.items()))


def landmarks_by(workdir: Path) -> dict[str, str]:
    """Return by domain the origin of the landmarks that a run was trained on.

    It is empty for runs of older versions, whose landmarks were dlib's.
    """
    return _last_said(workdir, "landmarks_by")


def datasets(workdir: Path) -> dict[str, str]:
    """Return by prepared set the raw set that was read, as a run knew it.

    It is empty for runs of older versions.
    """
    return _last_said(workdir, "datasets")


def licences(workdir: Path) -> dict[str, str]:
    """Return by prepared set the licence that `prepare --licence` stated, if it did."""
    return _last_said(workdir, "licences")


def _last_said(workdir: Path, key: str) -> dict[str, str]:
    """Return the texts that the last start with such an entry says, by name."""
    starts = map(_parsed, read_whole_lines(workdir / FILE))
    said = [start.get(key) for start in starts if start]
    texts = [
        entry
        for entry in said
        if isinstance(entry, dict) and all(isinstance(x, str) for x in entry.values())
    ]
    return texts[-1] if texts else {}


def read_whole_lines(path: Path) -> list[str]:
    """The lines of a file, without one that a crash or a full disk cut short."""
    if not path.exists():
        return []
    text = path.read_text(errors="replace")
    return [line for line in text.splitlines(True) if line.endswith("\n")]


def _parsed(line: str) -> dict[str, Any] | None:
    """A start; None if the line is damaged."""
    try:
        start = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(start, dict) or not isinstance(start.get("packages"), dict):
        return None
    return start if start.keys() >= {"devices", "processes", "git"} else None


def describe_start() -> dict[str, Any]:
    """The command, versions, devices and, in a checkout, the git revision."""
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
    """The differences in anything that results may depend on, each as "NAME a -> b"."""
    changes = []
    for name in ("jax", "jaxlib", "flax", "optax", "numpy", "grain", "au-jax"):
        before, now = (x["packages"].get(name) for x in (old, new))
        if before != now:
            changes.append(f"{name} {before} -> {now}")
    for name in ("devices", "processes", "git"):
        if old[name] != new[name]:
            changes.append(f"{name} {old[name]} -> {new[name]}")
    return changes


def git_revision(folder: Path) -> str | None:
    """The commit, with "+changes" if files differ from it; None outside a checkout."""
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
