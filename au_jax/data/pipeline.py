"""Batches for training and evaluation, by grain.

Element `i` of a training stream is a function of the seed and `i` alone, so the number
of steps done is all that has to be kept to go on, and the number of workers does not
matter.
"""

import functools
from collections.abc import Iterator, Sequence

import grain
import numpy as np
from absl import flags

from au_jax.data import transforms
from au_jax.data.source import Example, FaceSplit
from au_jax.types import Batch, EvalBatch

PREFETCHED_BATCHES = 4


def make_train(
    splits: Sequence[FaceSplit],
    *,
    crop: int,
    batch_size: int,
    seed: int,
    process_index: int = 0,
    process_count: int = 1,
) -> grain.MapDataset:
    """An endless stream of `Batch`es: element [i] is what step i takes.

    Each domain is shuffled anew on each of its own passes; an epoch is a pass over the
    first. Every process takes its share of each global batch.

    Args:
        splits: One per domain of the batch, in order.
        crop: Side of the crops in pixels.
        batch_size: Images per domain and step, over all processes.
        seed: Of order and augmentation.
        process_index: Of this process.
        process_count: Of all processes; divides `batch_size`.
    """
    augment = functools.partial(_augment, crop=crop)
    streams = [
        grain.MapDataset.source(split)
        .seed(seed + domain)
        .shuffle()
        .repeat()
        .random_map(augment)
        for domain, split in enumerate(splits)
    ]
    return (
        grain.experimental.ZipMapDataset(streams)
        .map(_stack_domains)[process_index::process_count]
        .batch(batch_size // process_count, batch_fn=_stack_batch)
    )


def train_batches(
    dataset: grain.MapDataset, *, start: int, stop: int, num_workers: int = 0
) -> Iterator[Batch]:
    """Batches `start` to `stop` - 1, read ahead by threads or worker processes."""
    if start >= stop:
        return
    iterator = dataset[start:stop].to_iter_dataset(
        grain.ReadOptions(num_threads=4, prefetch_buffer_size=PREFETCHED_BATCHES)
    )
    if num_workers:
        if not flags.FLAGS.is_parsed():  # grain's workers read absl's flags
            flags.FLAGS.mark_as_parsed()
        iterator = iterator.mp_prefetch(
            grain.MultiprocessingOptions(
                num_workers=num_workers, per_worker_buffer_size=PREFETCHED_BATCHES
            )
        )
    batches = iter(iterator)
    try:
        yield from batches
    finally:
        batches.close()


def make_eval(split: FaceSplit, *, crop: int, batch_size: int) -> Iterator[EvalBatch]:
    """Every image of `split` exactly once, in order; the last batch is padded."""
    dataset = grain.MapDataset.source(split).map(
        functools.partial(transforms.centre, crop=crop)
    )
    examples = iter(
        dataset.to_iter_dataset(
            grain.ReadOptions(num_threads=4, prefetch_buffer_size=2 * batch_size)
        )
    )
    try:
        rows: list[Example] = []
        for example in examples:
            rows.append(example)
            if len(rows) == batch_size:
                yield _pad(rows, batch_size)
                rows = []
        if rows:
            yield _pad(rows, batch_size)
    finally:
        examples.close()


def _augment(example: Example, rng: np.random.Generator, crop: int) -> Example:
    return transforms.augment(example, rng, crop)


def _stack_domains(examples: tuple[Example, ...]) -> Example:
    return {key: np.stack([e[key] for e in examples]) for key in examples[0]}


def _stack_batch(examples: Sequence[Example]) -> Example:
    return {key: np.stack([e[key] for e in examples], axis=1) for key in examples[0]}


def _pad(rows: list[Example], batch_size: int) -> EvalBatch:
    missing = batch_size - len(rows)
    columns = {
        key: np.stack([row[key] for row in rows] + [rows[-1][key]] * missing)
        for key in ("image", "landmarks", "aus", "aus_known")
    }
    return EvalBatch(**columns, valid=np.arange(batch_size) < len(rows))
