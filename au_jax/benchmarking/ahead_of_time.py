"""Analysis of a training step that is compiled for an absent GPU.

The compiled program shows which convolutions run in which type and layout, how many
kernels are launched and how many bytes they move. The only times are lower bounds from
data sheets.
"""

from collections import Counter
from typing import Any

import numpy as np
from jax.experimental import topologies
from jax.sharding import AxisType, Mesh

from au_jax.benchmarking import kernels, operations
from au_jax.benchmarking.gpus import GPUS, Gpu, minimum_seconds
from au_jax.benchmarking.workload import workload_shapes
from au_jax.errors import UserError
from au_jax.training.step import compile_train_step
from au_jax.types import Config

SMALL_BYTES = 10**6
"""A kernel that moves fewer bytes takes about as long as its launch."""

_XLA_NAMES = {"float32": "f32", "bfloat16": "bf16"}


def analyse_step(name: str, stage: str, config: Config) -> dict[str, Any]:
    """Compile a training step for the GPU `name` of `GPUS` and count its kernels.

    Raises:
        UserError: XLA's compiler for CUDA is not installed, or the GPU has no units
            for the config's data type.
    """
    gpu, dtype = GPUS[name], config.model.dtype
    if dtype not in gpu.product_rates:
        raise UserError(
            f"--gpu={name} has no {dtype} units; use --config.model.dtype=float32"
        )
    compiled, operation_count = _compile(gpu, stage, config)
    step_kernels = list(kernels.read(compiled.as_text()))
    unwanted = kernels.unwanted(
        step_kernels,
        _XLA_NAMES[dtype],
        4 * SMALL_BYTES,
        channels_last=gpu.capability >= (8, 0),
    )
    memory = compiled.memory_analysis()
    layouts = Counter(f"{k.dtype} {k.layout}" for k in step_kernels if k.layout)
    return {
        "gpu": gpu.title,
        "stage": stage,
        "batch_size": config[stage].batch_size,
        "dtype": dtype,
        "kernels": len(step_kernels),
        "kernels_below_1_MB": sum(k.bytes < SMALL_BYTES for k in step_kernels),
        "kernels_by_kind": dict(Counter(k.kind for k in step_kernels)),
        "convolutions": dict(layouts),
        "unwanted": dict(Counter(k.kind for k in unwanted)),
        "most_unwanted": dict(Counter(k.source for k in unwanted).most_common(3)),
        "operations": operation_count,
        "operations_of_its_convolutions": sum(k.operations for k in step_kernels),
        "bytes_moved": sum(k.bytes for k in step_kernels),
        "memory_bytes": memory.argument_size_in_bytes + memory.temp_size_in_bytes,
        "least_seconds_by_data_sheet": minimum_seconds(gpu, step_kernels, dtype),
    }


def _compile(gpu: Gpu, stage: str, config: Config) -> tuple[Any, int]:
    """Return the compiled step and the number of operations that it needs."""
    try:
        topology = topologies.get_topology_desc(
            platform="cuda", target_config=gpu.target(), topology="1x1x1"
        )
    except (NotImplementedError, RuntimeError) as error:
        raise UserError(
            "--what=gpu needs XLA's CUDA compiler (but no GPU): install"
            f" requirements/cuda13.txt ({' '.join(str(error).split())[:100]})"
        ) from error
    mesh = Mesh(np.array(topology.devices), ("data",), axis_types=(AxisType.Auto,))
    step, state, batch = workload_shapes(stage, config)
    lowered = (
        compile_train_step(mesh, step)
        .trace(state, batch)
        .lower(lowering_platforms=("cuda",))
    )
    return lowered.compile(), operations.count(step, state, batch)
