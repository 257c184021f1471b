"""The records of a prepared split as they lie in its files."""

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.proto import tf_example_pb2

from au_jax.types import Example


@functools.lru_cache(maxsize=16)
def of(directory: Path, split: str) -> Sequence[bytes]:
    """The serialised records of a split, opened once per process."""
    builder = tfds.builder_from_directory(directory)
    raw = tfds.decode.DeserializeMethod.RAW_BYTES
    return builder.as_data_source(split, deserialize_method=raw)  # pyright: ignore


def reopen() -> None:
    """Forgets which files are open: a folder may have been prepared anew."""
    of.cache_clear()


def parse(record: bytes) -> Example:
    """An example of preparation/records.py, its image still encoded.

    TFDS's own way, through the description of the features, takes longer than
    decoding the picture.
    """
    example = tf_example_pb2.Example  # pyright: ignore[reportAttributeAccessIssue]
    found = example.FromString(record).features.feature
    points = np.array(found["landmarks"].float_list.value, np.float32)
    text = {key: found[key].bytes_list.value[0] for key in ("subject", "task", "path")}
    return {
        "image": found["image"].bytes_list.value[0],
        "landmarks": points.reshape(49, 2),
        "aus": np.array(found["aus"].int64_list.value, np.int8),
        "aus_known": np.array(found["aus_known"].int64_list.value, np.bool_),
        "frame": found["frame"].int64_list.value[0],
        **text,
    }
