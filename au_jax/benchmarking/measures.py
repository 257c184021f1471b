"""Measurements of a training step, of prediction, and of reading data."""

import dataclasses
import statistics
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from au_jax.benchmarking import kernels, operations, timing, workload
from au_jax.data import pipeline
from au_jax.data.split import FaceSplit
from au_jax.evaluation import inference
from au_jax.faces.landmarks import NUM_LANDMARKS
from au_jax.runtime import devices
from au_jax.stages import STAGES
from au_jax.training.plan import make_dataset
from au_jax.training.step import compile_train_step
from au_jax.types import Batch, Config

MATRIX_SIDE = {"cpu": 2048, "gpu": 8192}
"""Side of the matrices whose product is the reference rate, by backend."""


def measure_train_step(stage: str, config: Config, repeats: int) -> dict[str, Any]:
    """Measure time, operations and memory of a training step on random images."""
    mesh = devices.make_mesh()
    step, state, batch = workload.make_workload(stage, config)
    operation_count = operations.count(step, state, batch)
    state = devices.place_replicated(mesh, state)
    batch = devices.place_batch(mesh, batch)

    compiled: Any = None

    def compile_step() -> None:
        nonlocal compiled
        compiled = compile_train_step(mesh, step).lower(state, batch).compile()

    compile_seconds = timing.time_call(compile_step)

    def run_step() -> Any:
        nonlocal state
        state, terms = compiled(state, batch)
        return state, terms

    images = batch["image"].shape[0] * config[stage].batch_size
    return {
        "stage": stage,
        "batch_size": config[stage].batch_size,
        "compile_seconds": compile_seconds,
        **_rates(run_step, repeats, images, operation_count, config.model.dtype),
        **_xla_figures(compiled),
    }


def measure_prediction(stage: str, config: Config, repeats: int) -> dict[str, Any]:
    """Measure a stage's inference on random images, as `eval` and `predict` run it."""
    module, mesh = STAGES[stage], devices.make_mesh()
    predictor = inference.make_predictor(stage, config, mesh)
    variables = devices.place_replicated(
        mesh, module.init(config, jax.random.key(config.seed))
    )
    size, crop = predictor.batch_size, config.data.crop
    shape = (size, crop, crop, 3)
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    points = np.full((size, NUM_LANDMARKS, 2), 0.5, np.float32)
    faces = devices.divide(mesh, pixels), devices.divide(mesh, points)
    operation_count = operations.count(predictor.predict, variables, *faces)

    def run_batch() -> Any:
        return predictor.predict(variables, *faces)

    first = timing.time_call(run_batch)
    rates = _rates(run_batch, repeats, size, operation_count, config.model.dtype)
    return {"batch_size": size, "first_batch_seconds": first, **rates}


def measure_data(
    splits: list[FaceSplit], config: Config, stage: str, repeats: int
) -> dict[str, Any]:
    """Measure reading, decoding and augmenting training batches, and nothing else."""
    size = config[stage].batch_size
    batches: Iterator[Batch] = pipeline.train_batches(
        make_dataset(stage, config, splits),
        start=0,
        num_workers=config.data.num_workers,
    )
    # Prefetched batches come in bursts, so only several of them show the rate.
    count = 2 * pipeline.PREFETCHED_BATCHES

    def read() -> None:
        for _ in range(count):
            next(batches)

    try:
        read()
        seconds = [timing.time_call(read) / count for _ in range(repeats)]
        times = timing.summarise(seconds)
    finally:
        batches.close()  # pyright: ignore[reportAttributeAccessIssue]
    rate, workers = len(splits) * size / times.median, config.data.num_workers
    return {
        "batch_size": size,
        "num_workers": workers,
        "batch_seconds": dataclasses.asdict(times),
        "images_per_second": rate,
        "images_per_second_per_worker": rate / max(workers, 1),
    }


def _rates(
    function: Callable[[], Any],
    repeats: int,
    images: int,
    operation_count: int,
    dtype: str,
) -> dict[str, Any]:
    """Time `function` and matrix products in turn, so that both see the same load.

    Args:
        function: One step or batch.
        repeats: The number of timed runs, after one that is not timed.
        images: Images per run.
        operation_count: Floating-point operations per run.
        dtype: The type of most of them.
    """
    side = MATRIX_SIDE.get(jax.default_backend(), MATRIX_SIDE["gpu"])
    products = {
        name: timing.make_matrix_product(name, side) for name in ("float32", "bfloat16")
    }
    jax.block_until_ready(function())
    seconds: list[float] = []
    rates: dict[str, list[float]] = {name: [] for name in products}
    for _ in range(repeats):
        seconds.append(timing.time_call(function))
        for name, product in products.items():
            rates[name].append(product())
    times = timing.summarise(seconds)
    medians = {name: statistics.median(values) for name, values in rates.items()}
    rate = operation_count / times.median
    return {
        "seconds": dataclasses.asdict(times),
        "images_per_second": images / times.median,
        "operations": operation_count,
        "operations_per_second": rate,
        "matrix_product_operations_per_second": medians,
        "fraction_of_matrix_product_rate": rate / medians[dtype],
    }


def _xla_figures(compiled: Any) -> dict[str, Any]:
    """Return XLA's own count of operations, and the bytes of memory at the peak."""
    memory = compiled.memory_analysis()
    return {
        "all_reduced_bytes": kernels.all_reduced_bytes(compiled.as_text()),
        "operations_by_xla": (compiled.cost_analysis() or {}).get("flops"),
        "memory_bytes": memory.argument_size_in_bytes
        + memory.output_size_in_bytes
        + memory.temp_size_in_bytes
        - memory.alias_size_in_bytes,
    }
