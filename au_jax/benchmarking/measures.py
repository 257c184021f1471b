"""What is measured: a training step, prediction, and the reading of data."""

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
from au_jax.runtime import devices
from au_jax.stages import STAGES
from au_jax.training.step import compile_train_step
from au_jax.types import Batch, Config

SIDE = {"cpu": 2048, "gpu": 8192}
"""Of the matrices of the product that everything is held against."""


def train(stage: str, config: Config, repeats: int) -> dict[str, Any]:
    """Steps of a stage on random pictures: time, operations, memory."""
    mesh = devices.make_mesh()
    step, state, batch = workload.make(stage, config)
    needed = operations.count(step, state, batch)
    state, batch = (
        devices.place_replicated(mesh, state),
        devices.place_batch(mesh, batch),
    )

    compiled: Any = None

    def compile_it() -> None:
        nonlocal compiled
        compiled = compile_train_step(mesh, step).lower(state, batch).compile()

    compile_seconds = timing.seconds(compile_it)

    def once() -> Any:
        nonlocal state
        state, terms = compiled(state, batch)
        return state, terms

    images = batch["image"].shape[0] * config[stage].batch_size
    return {
        "stage": stage,
        "batch_size": config[stage].batch_size,
        "compile_seconds": compile_seconds,
        **_rates(once, repeats, images, needed),
        **_by_xla(compiled),
    }


def predict(stage: str, config: Config, repeats: int) -> dict[str, Any]:
    """The networks of a stage on random pictures, as `eval` and `predict` run them."""
    module, mesh = STAGES[stage], devices.make_mesh()
    variables = module.init(config, jax.random.key(config.seed))
    size, crop = config.eval.batch_size, config.data.crop
    shape = (size, crop, crop, 3)
    pictures = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    image = devices.place_images(mesh, pictures)
    function = inference.make_predictor(stage, config, mesh).predict
    needed = operations.count(function, variables, image)
    first = timing.seconds(lambda: function(variables, image))
    rates = _rates(lambda: function(variables, image), repeats, size, needed)
    return {"batch_size": size, "first_batch_seconds": first, **rates}


def data(splits: list[FaceSplit], config: Config, stage: str, repeats: int) -> dict:
    """Training batches read, decoded and augmented, nothing else going on."""
    size = config[stage].batch_size
    dataset = pipeline.make_train(
        splits, crop=config.data.crop, batch_size=size, seed=config.seed
    )
    batches: Iterator[Batch] = pipeline.train_batches(
        dataset, start=0, num_workers=config.data.num_workers
    )
    # Batches come in bursts, as they are read ahead: only several tell the rate.
    some = 2 * pipeline.PREFETCHED_BATCHES

    def read() -> None:
        for _ in range(some):
            next(batches)

    try:
        read()
        seconds = [timing.seconds(read) / some for _ in range(repeats)]
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
    once: Callable[[], Any], repeats: int, images: int, needed: int
) -> dict[str, Any]:
    """Times of `once` and of a matrix product, in turn: both see the same machine."""
    side = SIDE.get(jax.default_backend(), SIDE["gpu"])
    products = {
        dtype: timing.matrix_product(dtype, side) for dtype in ("float32", "bfloat16")
    }
    jax.block_until_ready(once())
    seconds: list[float] = []
    rates: dict[str, list[float]] = {dtype: [] for dtype in products}
    for _ in range(repeats):
        seconds.append(timing.seconds(once))
        for dtype, product in products.items():
            rates[dtype].append(product())
    times = timing.summarise(seconds)
    medians = {dtype: statistics.median(found) for dtype, found in rates.items()}
    rate = needed / times.median
    return {
        "seconds": dataclasses.asdict(times),
        "images_per_second": images / times.median,
        "operations": needed,
        "operations_per_second": rate,
        "matrix_product_operations_per_second": medians,
        "fraction_of_matrix_product_rate": rate / medians["float32"],
    }


def _by_xla(compiled: Any) -> dict[str, Any]:
    """What XLA says of a compiled program: operations, and bytes at its peak."""
    memory = compiled.memory_analysis()
    return {
        "all_reduced_bytes": kernels.all_reduced_bytes(compiled.as_text()),
        "operations_by_xla": (compiled.cost_analysis() or {}).get("flops"),
        "memory_bytes": memory.argument_size_in_bytes
        + memory.output_size_in_bytes
        + memory.temp_size_in_bytes
        - memory.alias_size_in_bytes,
    }
