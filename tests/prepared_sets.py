"""Read prepared sets as TensorFlow Datasets itself does."""

from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds


def open_builder(data_dir: Path | str, dataset: str) -> Any:
    """Return the TFDS builder of a set. (Its types ignore its own decorators.)"""
    return tfds.builder_from_directory(str(Path(data_dir) / dataset / "1.0.0"))


def read_examples(data_dir: Path | str, dataset: str, split: str) -> list[dict]:
    """Return the examples of a split as TFDS decodes them."""
    source = open_builder(data_dir, dataset).as_data_source(split)
    return [source[i] for i in range(len(source))]
