"""A model from an ADLD snapshot: a folder of PyTorch state dicts.

`base_net_N.pth`, `land_enc_N.pth`, `au_enc_N.pth`, `invar_shape_enc_N.pth` and
`feat_gen_N.pth` hold E_f, E_l, E_au, G_b and G_st of ADLD (arXiv 1903.10143), whose
networks are those of method.md section 2. Entries are taken by their order, which is
that of the layers, and checked by the last part of their names and by their shapes.
The files are read with `weights_only`: nothing in them is executed.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from au_jax.errors import UserError
from au_jax.evaluation import metrics
from au_jax.model_file import card as cards
from au_jax.model_file.file import Model, prune
from au_jax.model_file.from_run import alignment, versions
from au_jax.types import Config
from au_jax.workdir.best_networks import network_shapes

STAGE = "joint"  # whose networks, with ADLD's loss weights, are ADLD's

_NORMED = (
    ("running_mean", "batch_stats", ("norm", "mean")),
    ("running_var", "batch_stats", ("norm", "var")),
)


@dataclass(frozen=True)
class Entry:
    """An entry of a state dict, and where it belongs."""

    ending: str
    collection: str  # params or batch_stats
    path: tuple[str, ...]


def read(folder: Path, config: Config) -> Model:
    """The newest snapshot in a folder.

    Args:
        folder: The files of one or several snapshots.
        config: Which AUs the branches of `au_enc` are, in order, and the crop.

    Raises:
        UserError: files are missing, cannot be read, or are of other networks.
    """
    layers = _layers(len(config.data.aus))
    number = _newest(folder, list(layers))
    shapes = network_shapes(STAGE, config)
    found = jax.tree.map(lambda x: None, tuple(prune(part) for part in shapes))
    trees: dict[str, Any] = {"params": found[0], "batch_stats": found[1]}
    wanted: dict[str, Any] = {"params": shapes[0], "batch_stats": shapes[1]}
    for name, entries in layers.items():
        file = folder / f"{name}_{number}.pth"
        _fill(trees, wanted, entries, _state_dict(file), file)
    card = {
        "format": cards.FORMAT,
        "stage": STAGE,
        "networks": cards.pick_config(config),
        "alignment": alignment(),
        "thresholds": [metrics.THRESHOLD] * len(config.data.aus),
        "thresholds_path": "",
        "training": {"method": "ADLD", "snapshot": number},
        "versions": versions(),
    }
    return Model(card, trees["params"], trees["batch_stats"])


def _layers(num_aus: int) -> dict[str, list[Entry]]:
    """The entries of each file, in the order of the layers."""
    task, generator = "task", "generator"
    branches = [(task, "au_detector", f"branch_{i}") for i in range(num_aus)]
    encoder = (task, "landmark_encoder")
    return {
        "base_net": list(_blocks((task, "feature_encoder"), 4, normed=True)),
        "land_enc": [*_blocks(encoder, 4), *_affine((*encoder, "Conv_0"))],
        "au_enc": [
            entry
            for branch in branches
            for entry in (
                *_blocks(branch, 3, normed=True),
                *_affine((*branch, "Conv_0")),
            )
        ]
        + [entry for branch in branches for entry in _affine((*branch, "Dense_0"))],
        "invar_shape_enc": list(_blocks((generator, "background_generator"), 4)),
        "feat_gen": list(_blocks((generator, "feature_generator"), 5)),
    }


def _blocks(path: tuple[str, ...], count: int, normed: bool = False) -> Iterator[Entry]:
    """Convolution, norm (only batch norm has entries), PReLU."""
    for index in range(count):
        block = (*path, f"ConvBlock_{index}")
        yield Entry("weight", "params", (*block, "conv", "kernel"))
        yield Entry("bias", "params", (*block, "bias"))
        if normed:
            yield Entry("weight", "params", (*block, "norm", "scale"))
            yield Entry("bias", "params", (*block, "norm", "bias"))
            for ending, collection, where in _NORMED:
                yield Entry(ending, collection, (*block, *where))
        yield Entry("weight", "params", (*block, "prelu", "negative_slope"))


def _affine(path: tuple[str, ...]) -> Iterator[Entry]:
    yield Entry("weight", "params", (*path, "kernel"))
    yield Entry("bias", "params", (*path, "bias"))


def _newest(folder: Path, names: list[str]) -> int:
    """The highest number of which all files are there."""
    if not folder.is_dir():
        raise UserError(f"--adld={folder} is not a folder; give that of the snapshots")
    numbers = []
    for name in names:
        matches = (
            re.fullmatch(rf"{name}_(\d+)\.pth", f.name) for f in folder.iterdir()
        )
        numbers.append({int(match[1]) for match in matches if match})
    whole = set.intersection(*numbers)
    if not whole:
        files = ", ".join(f"{name}_N.pth" for name in names)
        raise UserError(f"{folder} holds no whole snapshot: {files} with one number N")
    return max(whole)


def _state_dict(file: Path) -> Mapping[str, np.ndarray]:
    """Names and arrays in the order of the file."""
    try:
        import torch  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise UserError(
            "--adld reads PyTorch's files: pip install torch (its CPU build will do)"
        ) from None
    try:
        loaded = torch.load(file, map_location="cpu", weights_only=True)
        arrays = {str(name): value.detach().numpy() for name, value in loaded.items()}
    except Exception as error:  # of the zip, the pickle, or what is in it
        text = " ".join(str(error).split())
        raise UserError(f"{file} is no state dict of PyTorch: {text[:100]}") from None
    return {
        name: array
        for name, array in arrays.items()
        if not name.endswith("num_batches_tracked")
    }


def _fill(
    trees: dict[str, Any],
    wanted: dict[str, Any],
    entries: list[Entry],
    arrays: Mapping[str, np.ndarray],
    file: Path,
) -> None:
    """Puts the arrays of one file where they belong."""
    hint = "; name the AUs of its branches: --config.data.aus=1,2,..."
    if len(arrays) != len(entries):
        raise UserError(
            f"{file} has {len(arrays)} entries, not {len(entries)}"
            + (hint if file.name.startswith("au_enc") else "; it is of other networks")
        )
    for entry, (name, array) in zip(entries, arrays.items(), strict=True):
        *parents, last = entry.path
        node: Any = trees[entry.collection]
        shape: Any = wanted[entry.collection]
        for parent in parents:
            node, shape = node[parent], shape[parent]
        shape = tuple(shape[last].shape)
        if array.ndim == 4:  # out, in, height, width
            array = array.transpose(2, 3, 1, 0)
        elif array.ndim == 2:  # out, in
            array = array.T
        if array.shape == (1,) and not shape:  # of PReLU
            array = array[0]
        if name.rpartition(".")[2] != entry.ending or array.shape != shape:
            raise UserError(
                f"{file}: entry {name} of shape {array.shape} stands where"
                f" {'/'.join(entry.path)} of shape {shape} belongs"
            )
        if not np.isfinite(array).all():
            raise UserError(f"{file}: entry {name} has values that are no numbers")
        node[last] = np.array(array, np.float32, order="C")
