"""SHA-256 of what a checkpoint holds, so that a damaged disk cannot go unnoticed."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

Digests = dict[str, str]
"""By array, its type, shape and SHA-256: "float32[2, 3] 03ac67..."."""


def of_arrays(tree: Any) -> Digests:
    """The digests of a pytree of arrays, by names such as "task/au_detector/bias"."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {_name(path): f"{_kind(x)} {_sha256(x)}" for path, x in leaves}


def of_json(value: Any) -> str:
    """The digest of a JSON value, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def other_kinds(stored: Mapping[str, str], shapes: Any) -> list[str]:
    """The names whose type or shape differ from those of a pytree of shapes."""
    leaves = jax.tree_util.tree_leaves_with_path(shapes)
    kinds = {name: text.rpartition(" ")[0] for name, text in stored.items()}
    return _different(kinds, {_name(path): _kind(x) for path, x in leaves})


def changed(stored: Mapping[str, str], tree: Any) -> list[str]:
    """The names of the arrays that are not those of the digests."""
    return _different(stored, of_arrays(tree))


def _different(stored: Mapping[str, str], actual: Mapping[str, str]) -> list[str]:
    names = sorted(stored.keys() | actual.keys())
    return [name for name in names if stored.get(name) != actual.get(name)]


def _name(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")


def _kind(array: Any) -> str:
    return f"{array.dtype}{list(array.shape)}"


def _sha256(array: Any) -> str:
    data = np.ascontiguousarray(jax.device_get(array))
    return hashlib.sha256(data.view(np.uint8).data).hexdigest()
