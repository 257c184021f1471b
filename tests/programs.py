"""Start the real program on drawn faces, and compare the runs."""

import os
import pathlib
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from au_jax.workdir import metrics_log

ROOT = pathlib.Path(__file__).parents[1]


def start(
    workdir: Path, data_dir: str, *arguments: str, devices: int = 1
) -> subprocess.Popen[str]:
    """Start the training program, with stdout and stderr in one pipe."""
    command = [
        *(sys.executable, "-m", "au_jax.main"),
        f"--workdir={workdir}",
        *arguments,
        f"--config.data.data_dir={data_dir}",
    ]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | {"JAX_NUM_CPU_DEVICES": str(devices)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # so that `os.killpg` reaches only it and its workers
    )


def start_two(workdir: Path, data_dir: str, *arguments: str, devices: int = 1):
    """Start two processes that train one model, each with `devices` devices."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    flags = (*arguments, f"--coordinator=127.0.0.1:{port}", "--process_count=2")
    return [
        start(workdir, data_dir, *flags, f"--process_index={index}", devices=devices)
        for index in range(2)
    ]


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for the end and return the output; the exit code must be 0."""
    output, _ = process.communicate()
    assert process.returncode == 0, output
    return output


def metrics(workdir: Path) -> list[dict[str, Any]]:
    """Return the lines of metrics.jsonl, without what depends on the clock."""
    return [
        {k: v for k, v in line.items() if k != "time" and not k.startswith("speed/")}
        for line in metrics_log.read_metrics(workdir)
    ]


def checkpoints(workdir: Path, stage: str) -> list[str]:
    """Return the names of everything in a stage's folder."""
    return sorted(path.name for path in (workdir / stage).iterdir())


def arrays(workdir: Path, stage: str, step: str) -> list[Any]:
    """Return the stored state of a checkpoint as NumPy arrays."""
    names: Sequence[str] = ("params", "batch_stats", "opt_state")
    folders = [(workdir / stage / step / name).absolute() for name in names]
    return [_read(folder) for folder in folders]


def _read(folder: Path) -> Any:
    # Not onto devices: more devices than exist here may have written it.
    reader: Any = ocp.PyTreeCheckpointer()
    as_numpy = ocp.RestoreArgs(restore_type=np.ndarray)
    tree = reader.metadata(folder).item_metadata.tree
    return reader.restore(folder, restore_args=jax.tree.map(lambda _: as_numpy, tree))
