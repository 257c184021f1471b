"""Write prepared faces as a TFDS data set of ArrayRecord files, without TensorFlow."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from jaxtyping import Float32
from tensorflow_datasets.core import dataset_info, example_serializer

from au_jax.data.reader import ALIGNMENT, VERSION
from au_jax.faces import align
from au_jax.raw.row import Row

EXAMPLES_PER_FILE = 10_000  # about 150 MB


def features(num_aus: int) -> tfds.features.FeaturesDict:
    """Return the fields of an example.

    `aus` and `aus_known` are in the order of `aus` in the metadata.
    """
    return tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(
                shape=(align.SIZE, align.SIZE, 3), encoding_format="jpeg"
            ),
            # x, y in pixels of the aligned image.
            "landmarks": tfds.features.Tensor(shape=(49, 2), dtype=np.float32),
            # 1 active, 0 inactive or not known.
            "aus": tfds.features.Tensor(shape=(num_aus,), dtype=np.int8),
            "aus_known": tfds.features.Tensor(shape=(num_aus,), dtype=np.bool_),
            "subject": tfds.features.Text(),
            "task": tfds.features.Text(),
            "frame": tfds.features.Scalar(dtype=np.int32),
            # The original image, relative to the raw folder.
            "path": tfds.features.Text(),
        }
    )


def example(
    row: Row,
    jpeg: bytes,
    landmarks: Float32[np.ndarray, "49 2"],
    aus: Sequence[int],
) -> dict[str, Any]:
    """Return one face in the form of `features`."""
    return {
        "image": jpeg,
        "landmarks": landmarks,
        "aus": np.array([row.aus.get(au, False) for au in aus], np.int8),
        "aus_known": np.array([au in row.aus for au in aus], np.bool_),
        "subject": row.subject,
        "task": row.task,
        "frame": row.frame,
        "path": row.path,
    }


class Writer:
    """Writes examples in the order given; a split begins with its first example."""

    def __init__(
        self,
        folder: Path,
        name: str,
        aus: Sequence[int],
        landmarks_by: str,
        split_rules: Mapping[str, str],
        licence: str = "",
    ):
        """Begin a data set.

        Args:
            folder: The folder for its files.
            name: The raw set that was read, or that of a rendered set.
            aus: The AUs that it codes.
            landmarks_by: The origin of its landmarks: "au_jax", "dlib68", "file", or
                "rendering", which knows the true ones.
            split_rules: By split, who chose its images (`raw/splits.py`).
            licence: The licence of its pictures, if `prepare --licence` states it.
        """
        identity = dataset_info.DatasetIdentity(
            name=name,
            version=tfds.core.Version(VERSION),
            data_dir=str(folder),
            module_name="au_jax",
        )
        self.name = name
        self._info = tfds.core.DatasetInfo(
            builder=identity,
            description="Aligned faces with landmarks and facial action units.",
            features=features(len(aus)),
            metadata=tfds.core.MetadataDict(
                aus=list(aus),
                align=dict(ALIGNMENT),
                landmarks_by=landmarks_by,
                dataset=name,
                split_rules=dict(split_rules),
                licence=licence,
            ),
        )
        self._writer = tfds.core.SequentialWriter(
            self._info, EXAMPLES_PER_FILE, file_format="array_record"
        )
        self._writer._serializer = _serializer(self._info.features)

    def add(self, examples: Mapping[str, Sequence[dict[str, Any]]]) -> None:
        """Append examples to their splits.

        Raises:
            OSError: they cannot be written.
        """
        with _os_errors():
            for split in examples:
                # TFDS cannot read a split without examples.
                if split not in self._info.splits:
                    self._writer.initialize_splits([split])
            self._writer.add_examples({k: list(v) for k, v in examples.items()})

    def close(self) -> None:
        """Complete the files, which cannot be read before.

        Raises:
            OSError: they cannot be written.
        """
        with _os_errors():
            self._writer.close_all()


@contextlib.contextmanager
def _os_errors() -> Iterator[None]:
    """Turn the RuntimeError that ArrayRecord raises on a full disk into an OSError."""
    try:
        yield
    except RuntimeError as error:
        raise OSError(str(error)) from error


class _Serializer(example_serializer.ExampleSerializer):
    """A serialiser with a fixed order of fields.

    Protobuf's maps have another order in each process, so the bytes would differ.
    """

    def serialize_example(self, example: Any) -> bytes:
        return self.get_tf_example(example).SerializeToString(deterministic=True)


def _serializer(spec: Any) -> _Serializer:
    """Return a serialiser that maps equal examples to equal bytes in every run."""
    return _Serializer(spec.get_serialized_info())
