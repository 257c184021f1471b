"""A training step compiled for a GPU that need not be there.

What XLA makes of it is read and counted: which convolutions, in which type and layout,
how many launches, how many bytes. Times are only what data sheets promise.
"""

from collections import Counter
from typing import Any

import numpy as np
from jax.experimental import topologies
from jax.sharding import AxisType, Mesh

from au_jax.benchmarking import kernels, operations
from au_jax.benchmarking.gpus import GPUS, Gpu, least_seconds
from au_jax.benchmarking.workload import shapes_of
from au_jax.errors import UserError
from au_jax.training.step import compile_train_step
from au_jax.types import Config

SMALL = 10**6
"""Bytes; a kernel that moves fewer takes about as long as its launch."""

_SHORT = {"float32": "f32", "bfloat16": "bf16"}


def describe(name: str, stage: str, config: Config) -> dict[str, Any]:
    """The kernels of one step on the GPU `name` of `GPUS`.

    Raises:
        UserError: XLA's compiler for CUDA is not installed, or the GPU has no such
            arithmetic.
    """
    gpu, dtype = GPUS[name], config.model.dtype
    if dtype not in gpu.products:
        raise UserError(
            f"--gpu={name} has no {dtype} units; take --config.model.dtype=float32"
        )
    compiled, needed = _compile(gpu, stage, config)
    found = list(kernels.read(compiled.as_text()))
    bad = kernels.unwanted(
        found, _SHORT[dtype], 4 * SMALL, channels_last=gpu.capability >= (8, 0)
    )
    memory = compiled.memory_analysis()
    layouts = Counter(f"{k.dtype} {k.layout}" for k in found if k.layout)
    return {
        "gpu": gpu.title,
        "stage": stage,
        "batch_size": config[stage].batch_size,
        "dtype": dtype,
        "kernels": len(found),
        "kernels_below_1_MB": sum(k.bytes < SMALL for k in found),
        "kernels_by_kind": dict(Counter(k.kind for k in found)),
        "convolutions": dict(layouts),
        "unwanted": dict(Counter(k.kind for k in bad)),
        "most_unwanted": dict(Counter(k.source for k in bad).most_common(3)),
        "operations": needed,
        "operations_of_its_convolutions": sum(k.operations for k in found),
        "bytes_moved": sum(k.bytes for k in found),
        "memory_bytes": memory.argument_size_in_bytes + memory.temp_size_in_bytes,
        "least_seconds_by_data_sheet": least_seconds(gpu, found, dtype),
    }


def _compile(gpu: Gpu, stage: str, config: Config) -> tuple[Any, int]:
    """The compiled step, and the operations that it needs."""
    try:
        topology = topologies.get_topology_desc(
            platform="cuda", target_config=gpu.target(), topology="1x1x1"
        )
    except (NotImplementedError, RuntimeError) as error:
        raise UserError(
            "--what=gpu needs XLA's compiler for CUDA, though no GPU: install"
            f" requirements/cuda13.txt ({' '.join(str(error).split())[:100]})"
        ) from error
    mesh = Mesh(np.array(topology.devices), ("data",), axis_types=(AxisType.Auto,))
    step, state, batch = shapes_of(stage, config)
    lowered = (
        compile_train_step(mesh, step)
        .trace(state, batch)
        .lower(lowering_platforms=("cuda",))
    )
    return lowered.compile(), operations.count(step, state, batch)
