"""Read the records of a prepared split as they are stored."""

import functools
import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.proto import tf_example_pb2

from au_jax.data.metadata import REENACTED, RENDERED
from au_jax.errors import UserError, printable
from au_jax.faces import align
from au_jax.faces.drawing import LICENSED
from au_jax.runtime.files import read_regular
from au_jax.types import Example

FEATURES = frozenset(
    f"tensorflow_datasets.core.features.{name}"
    for name in (
        "features_dict.FeaturesDict",
        "image_feature.Image",
        "scalar.Scalar",
        "tensor_feature.Tensor",
        "text_feature.Text",
    )
)
"""The classes that `preparation/writer.py` describes a data set by."""

VERSION = "1.0.0"
"""The version of the records; increase it when they change."""

ALIGNMENT = {"size": align.SIZE, "enlarge": align.ENLARGE}
"""How faces are aligned, as the metadata of a data set state it."""

INTENSITIES = "intensities.csv"
"""Beside the records of some sets: a column `path`, and one for each AU, as AU01."""

_MAX_BYTES = 1 << 24  # of a file that describes a data set
# Other folders beside a version, such as 1.0.0.bak, are copies that people keep.
_VERSION = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}")


def open_builder(directory: Path) -> Any:
    """Open a version folder with TFDS.

    TFDS imports the classes that `features.json` names, and so would run the code of
    any folder that Python can import. Only our own classes are let through.

    Raises:
        ValueError: another class is named, a description is too large or damaged, or
            the faces are aligned in another way.
        OSError: a description or a file of records cannot be read.
    """
    for name in ("dataset_info.json", "metadata.json"):
        read_regular(directory / name, _MAX_BYTES)  # TFDS would wait for a pipe
    features = json.loads(read_regular(directory / "features.json", _MAX_BYTES))
    for name in _class_names(features):
        if name not in FEATURES:
            raise ValueError(f"features.json names the class {name!r}")
    builder: Any = tfds.builder_from_directory(directory)
    aligned = builder.info.metadata["align"]
    if aligned != ALIGNMENT:
        raise ValueError(f"its faces are aligned with {aligned}, not {ALIGNMENT}")
    for name, split in builder.info.splits.items():
        # A number of examples that no file can hold would keep loops busy for ever.
        size = sum(os.path.getsize(directory / file) for file in split.filenames)
        if not 0 <= split.num_examples <= size:
            raise ValueError(f"{name}: {split.num_examples} examples in {size} bytes")
    return builder


def newest_version(data_dir: Path, name: str) -> Path:
    """Return DATA_DIR/NAME/VERSION of the highest version that is complete.

    Raises:
        UserError: there is none, or its major version is another than ours.
    """
    versions = sorted(
        (tfds.core.Version(path.parent.name), path.parent)
        for path in (data_dir / name).glob("[0-9]*.[0-9]*.[0-9]*/dataset_info.json")
        if _VERSION.fullmatch(path.parent.name)
    )
    if not versions:
        raise _absent(data_dir, name)
    version, folder = versions[-1]
    major = tfds.core.Version(VERSION).major
    if version.major != major:
        raise UserError(
            f"{folder} has records of version {version}, and this au_jax reads"
            f" {major}.x.x; prepare the set again, or move that folder away"
        )
    return folder


def _absent(data_dir: Path, name: str) -> UserError:
    """Return an error that says which sets there are, and how to make this one."""
    # Every raw set with a layout of its own is licensed; all others are folders.
    dataset = name if name in (*LICENSED, "folder") else f"folder --name={name}"
    command = f"prepare --dataset={dataset} --raw=DIR"
    if name in RENDERED:
        command = "render"
    if name == REENACTED:
        command = "reenact --raw=DIR"
    files = data_dir.glob("*/*/dataset_info.json")
    there = ", ".join(sorted({printable(file.parts[-3]) for file in files}))
    return UserError(
        f"no data set {name!r} in {data_dir.absolute()}"
        + (f", which has {there}" if there else "")
        + f"; make it with: python -m au_jax.{command} --data_dir={data_dir}"
    )


def not_prepared(directory: Path, error: Exception) -> UserError:
    """Return the error for a folder that `open_builder` or TFDS cannot open."""
    reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    return UserError(
        f"{directory} is not a data set of au_jax.prepare, or is damaged ({reason});"
        " move it away and prepare the set again"
    )


def _class_names(value: Any) -> Iterator[Any]:
    """Yield every class that a description names, at any depth."""
    if isinstance(value, dict):
        for key, inside in value.items():
            if key in ("pythonClassName", "python_class_name", "type"):
                yield inside
            yield from _class_names(inside)
    elif isinstance(value, list):
        for inside in value:
            yield from _class_names(inside)


@functools.lru_cache(maxsize=16)
def open_records(directory: Path, split: str) -> Sequence[bytes]:
    """Open the serialised records of a split, once per process."""
    builder = open_builder(directory)
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
