"""Read the records of a prepared split as they are stored."""

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.proto import tf_example_pb2

from au_jax.types import Example


@functools.lru_cache(maxsize=16)
def open_records(directory: Path, split: str) -> Sequence[bytes]:
    """Open the serialised records of a split, once per process."""
    builder = tfds.builder_from_directory(directory)
    raw = tfds.decode.DeserializeMethod.RAW_BYTES
    return builder.as_data_source(split, deserialize_method=raw)  # pyright: ignore


def forget_open_files() -> None:
    """Open files anew from now on, because a folder may have been prepared again."""
    open_records.cache_clear()


def parse(record: bytes) -> Example:
    """Parse a record of `preparation/writer.py`; its image stays encoded.

    TFDS would parse it by the description of the features, which takes longer than
    decoding the picture.
    """
    example = tf_example_pb2.Example  # pyright: ignore[reportAttributeAccessIssue]
    fields = example.FromString(record).features.feature
    points = np.array(fields["landmarks"].float_list.value, np.float32)
    text = {key: fields[key].bytes_list.value[0] for key in ("subject", "task", "path")}
    return {
        "image": fields["image"].bytes_list.value[0],
        "landmarks": points.reshape(49, 2),
        "aus": np.array(fields["aus"].int64_list.value, np.int8),
        "aus_known": np.array(fields["aus_known"].int64_list.value, np.bool_),
        "frame": fields["frame"].int64_list.value[0],
        **text,
    }
