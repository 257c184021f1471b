"""The names of the measurements, and the settings to make before JAX is loaded.

This module must not import JAX.
"""

import os
from collections.abc import Sequence

from au_jax.errors import UserError

MEASUREMENTS = ("train", "predict", "data", "gpu", "profile")

# Without a GPU XLA cannot try out kernels.
NO_AUTOTUNING = "--xla_gpu_autotune_level=0"


def check(measurements: Sequence[str]) -> None:
    """Raise a `UserError` for measurements that do not exist or cannot be combined."""
    flag = f"--what={','.join(measurements)}"
    if not measurements or set(measurements) - set(MEASUREMENTS):
        raise UserError(f"{flag}: choose one or more of {', '.join(MEASUREMENTS)}")
    if "profile" in measurements:
        if len(measurements) > 1:
            raise UserError(f"{flag}: profile uses a single core; run it alone")
        if not hasattr(os, "sched_setaffinity"):
            raise UserError(f"{flag}: profile can bind to one core on Linux only")


def prepare(measurements: Sequence[str]) -> None:
    """Set the process affinity and environment variables that measurements need."""
    if "profile" in measurements:
        # JAX makes as many threads as the process may use cores.
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        os.environ["JAX_PLATFORMS"] = "cpu"
    if "gpu" in measurements:
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {NO_AUTOTUNING}"
        os.environ.setdefault("JAX_SKIP_CUDA_CONSTRAINTS_CHECK", "1")
