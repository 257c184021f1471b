"""Batches for training and evaluation, read by grain.

Element i of a training stream is a function of the seed and i alone. So the number of
steps done is all that a run needs to resume, and the number of workers does not matter.
"""

import functools
import itertools
import sys
from collections.abc import Generator, Iterator, Sequence
from typing import Any, cast

import grain
import numpy as np

from au_jax.data import clips, prefetch, transforms
from au_jax.data.degradation import Change
from au_jax.data.split import FaceSplit
from au_jax.errors import UserError
from au_jax.types import Batch, EvalBatch, Example

PREFETCHED_BATCHES = 4


def make_train(
    splits: Sequence[FaceSplit],
    *,
    crop: int,
    batch_size: int,
    seed: int,
    degraded: float = 0.0,
    process_index: int = 0,
    process_count: int = 1,
) -> grain.MapDataset:
    """Return an endless stream of `Batch`es; element [i] is the batch of step i.

    Each domain is shuffled anew on each of its passes; an epoch is a pass over the
    first domain. Every process reads its share of each global batch.

    Args:
        splits: One per domain of the batch, in order.
        crop: Side of the crops in pixels.
        batch_size: Images per domain and step, over all processes.
        seed: The seed of order and augmentation.
        degraded: The share of the images that get the faults of poor cameras.
        process_index: The number of this process, from 0.
        process_count: The number of processes, which divides `batch_size`. Each reads
            the rows that its devices would have if all devices belonged to one process.
            So the division of devices into processes changes no number.

    Raises:
        UserError: the crop or the batch size is not possible.
    """
    transforms.resized_side(crop)
    _check_batch_size(batch_size, process_count)
    augment = functools.partial(_augment, crop=crop, degraded=degraded)
    streams: list[Any] = [
        _shuffled(split, seed + domain).random_map(augment)
        for domain, split in enumerate(splits)
    ]
    rows: Any = grain.experimental.ZipMapDataset(streams)
    return _batched(rows, batch_size, process_index, process_count)


def make_clips(
    split: FaceSplit,
    *,
    frames: int,
    crop: int,
    batch_size: int,
    seed: int,
    process_index: int = 0,
    process_count: int = 1,
) -> grain.MapDataset:
    """Return an endless stream of batches whose leading axis is the frames of a clip.

    A pass shows each image once as the first frame of a pair, or inside of a longer
    clip (`clips.choose`).

    Args and errors: as `make_train`, with clips instead of images.
    """
    transforms.resized_side(crop)
    _check_batch_size(batch_size, process_count)
    read = functools.partial(_read_clip, split=split, crop=crop)
    rows = _shuffled(clips.Clips(split, frames), seed).random_map(read)
    return _batched(rows, batch_size, process_index, process_count)


def _check_batch_size(batch_size: int, process_count: int) -> None:
    if batch_size < 1 or batch_size % process_count:
        raise UserError(
            f"batch_size={batch_size} must be a multiple of the number of processes,"
            f" {process_count}"
        )


def _batched(
    rows: Any, batch_size: int, process_index: int, process_count: int
) -> grain.MapDataset:
    """Stack the rows of a process to its share of each global batch."""
    size, share = batch_size // process_count, rows
    if process_count > 1:
        place = functools.partial(
            _row, size=size, first=process_index * size, batch_size=batch_size
        )
        share = grain.MapDataset.range(sys.maxsize).map(place).map(rows.__getitem__)
    return share.batch(size, batch_fn=_stack)


def batch_paths(
    splits: Sequence[FaceSplit], *, batch_size: int, seed: int, step: int
) -> list[list[str]]:
    """Return the photographs in global batch `step` of `make_train`: [domain][row]."""
    rows = range(step * batch_size, (step + 1) * batch_size)
    orders = [
        _shuffled(range(len(split)), seed + domain)
        for domain, split in enumerate(splits)
    ]
    return [
        [split.path(cast(int, order[row])) for row in rows]
        for split, order in zip(splits, orders, strict=True)
    ]


def train_batches(
    dataset: grain.MapDataset,
    *,
    start: int,
    stop: int | None = None,
    num_workers: int = 0,
    num_threads: int = 4,
    buffer: int = PREFETCHED_BATCHES,
) -> Generator[Batch, None, None]:
    """Yield batches `start` to `stop` - 1, read ahead by threads or worker processes.

    Threads and workers end with the iterator: when it is exhausted, closed or no longer
    referenced.

    Args:
        dataset: The result of `make_train`.
        start: The first step.
        stop: The step after the last; None for no end.
        num_workers: Worker processes that read; 0 means threads of this process.
        num_threads: Threads of each reading process.
        buffer: Batches that each reading process holds ready.
    """
    if stop is not None and start >= stop:
        return
    iterator = dataset[start:stop].to_iter_dataset(
        grain.ReadOptions(min(num_threads, buffer), prefetch_buffer_size=buffer)
    )
    if num_workers:
        yield from prefetch.read(iterator, num_workers)
        return
    batches = iter(iterator)
    try:
        yield from batches
    finally:
        batches.close()


def make_eval(
    split: FaceSplit,
    *,
    crop: int,
    batch_size: int,
    indices: Sequence[int] | None = None,
    change: Change | None = None,
    process_index: int = 0,
    process_count: int = 1,
) -> Iterator[EvalBatch]:
    """Read every image of `split` exactly once, in order; the last batch is padded.

    Args:
        split: The images.
        crop: Side of the centre crops in pixels.
        batch_size: Images per batch, over all processes.
        indices: The images to read instead of all, in this order.
        change: Changes each crop, in the same way at each call.
        process_index: The number of this process, from 0.
        process_count: The number of processes, which divides `batch_size`. Each reads
            its share of each batch, and all have the same number of batches.
    """
    _check_batch_size(batch_size, process_count)
    selected = range(len(split)) if indices is None else indices
    dataset: Any = (
        grain.MapDataset.source(selected)
        .map(split.__getitem__)
        .map(functools.partial(transforms.centre, crop=crop))
    )
    if change is not None:
        changed = functools.partial(_changed, change=change)
        dataset = dataset.seed(0).random_map(changed)
    count, size = len(selected), batch_size // process_count
    first = process_index * size
    starts = range(first, first + count, batch_size)
    shares = [range(start, min(start + size, count)) for start in starts]
    # A share without images is padded with an image, too.
    read = [list(share) or [count - 1] for share in shares]
    own_rows = grain.MapDataset.source(list(itertools.chain(*read)))
    examples = iter(
        own_rows.map(dataset.__getitem__).to_iter_dataset(
            grain.ReadOptions(num_threads=4, prefetch_buffer_size=2 * size)
        )
    )
    try:
        for share, rows in zip(shares, read, strict=True):
            yield _pad([next(examples) for _ in rows], len(share), size)
    finally:
        examples.close()


def _row(index: int, size: int, first: int, batch_size: int) -> int:
    """Return the place of a process's row `index` in the stream of all rows."""
    step, row = divmod(index, size)
    return step * batch_size + first + row


def _augment(
    example: Example, rng: np.random.Generator, crop: int, degraded: float
) -> Example:
    return transforms.augment(example, rng, crop, degraded)


def _changed(example: Example, rng: np.random.Generator, change: Change) -> Example:
    return example | {"image": change(example["image"], rng)}


def _read_clip(
    clip: clips.Clip, rng: np.random.Generator, split: FaceSplit, crop: int
) -> tuple[Example, ...]:
    indices = clips.choose(clip, rng)
    return transforms.augment_clip([split[i] for i in indices], rng, crop)


def _shuffled(source: Any, seed: int) -> grain.MapDataset:
    """Repeat a split, or its indices, for ever, in a new order on each pass.

    The order depends on the seed and the length alone, so it is the same for both.
    """
    return grain.MapDataset.source(source).seed(seed).shuffle().repeat()


def _stack(rows: Sequence[tuple[Example, ...]]) -> Batch:
    """Stack rows, each with an example per domain, to arrays with leading axes d, b."""
    domains = list(zip(*rows, strict=True))

    def stack(key: str) -> np.ndarray:
        # A single copy, because a batch of images has about 10 MB.
        flat = np.stack([example[key] for domain in domains for example in domain])
        return flat.reshape(len(domains), len(rows), *flat.shape[1:])

    return Batch(**{key: stack(key) for key in Batch.__annotations__})


def _pad(rows: list[Example], count: int, size: int) -> EvalBatch:
    """Stack rows, of which the first `count` are valid, to a batch of `size`."""
    missing = size - len(rows)
    columns = {
        key: np.stack([row[key] for row in rows] + [rows[-1][key]] * missing)
        for key in ("image", "landmarks", "aus", "aus_known")
    }
    return EvalBatch(**columns, valid=np.arange(size) < count)
