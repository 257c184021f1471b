"""What checkpoints state about the data that a stage was trained on.

`config.data.data_dir` may change between two starts, because folders move. The data in
it may not: the order of the images, the learning rates and the weights of the AUs
depend on them. What is recorded shows most changes, but not other labels of as many
images.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from au_jax.data.split import FaceSplit

_WORDS = {
    "images": "the number of images",
    "aus": "the list of coded AUs",
    "landmarks_by": "the origin of the landmarks",
}


def describe(splits: Iterable[FaceSplit]) -> dict[str, dict[str, Any]]:
    """Describe splits as JSON, by the names of data set and split: "bp4d/train"."""
    return {
        f"{part.name}/{part.split}": {
            "images": part.length,
            "aus": list(part.coded_aus),
            "landmarks_by": part.landmarks_by,
        }
        for split in splits
        for part in split.parts
    }


def differences(stored: Mapping[str, Any], splits: Iterable[FaceSplit]) -> list[str]:
    """The differences to the data of a checkpoint, each as "WHAT was A, now B".

    Args:
        stored: What `describe` stated; it lacks splits that the stage did not read, and
            is empty in checkpoints of older versions.
        splits: The splits of this start.
    """
    return [
        f"{_WORDS[key]} of {name} was {_text(stored[name][key])}, now {_text(value)}"
        for name, now in describe(splits).items()
        if name in stored
        for key, value in now.items()
        if key in stored[name] and stored[name][key] != value
    ]


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
