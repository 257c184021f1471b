"""A model from an ADLD snapshot: a folder of PyTorch state dicts.

`base_net_N.pth`, `land_enc_N.pth`, `au_enc_N.pth`, `invar_shape_enc_N.pth` and
`feat_gen_N.pth` hold E_f, E_l, E_au, G_b and G_st of ADLD (arXiv 1903.10143), the
networks of method.md section 2. The entries of a state dict are matched to our arrays
by their order, which is the order of the layers; the last part of each name and each
shape are checked. The files are read with `weights_only`, which executes no code.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from au_jax.errors import UserError
from au_jax.evaluation import metrics
from au_jax.model_file import card as cards
from au_jax.model_file.file import Model, prune
from au_jax.model_file.from_run import alignment, versions
from au_jax.runtime.files import open_regular
from au_jax.types import Config, Variables
from au_jax.workdir.best_networks import network_shapes

STAGE = "joint"
"""The stage whose networks, with ADLD's loss weights, are those of ADLD."""

_BATCH_NORM_STATISTICS = (
    ("running_mean", ("norm", "mean")),
    ("running_var", ("norm", "var")),
)

_Path = tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """An entry of a state dict and the array of ours that it becomes."""

    ending: str
    """The last part of its name in the state dict."""
    path: _Path
    """The place of our array: "params" or "batch_stats", group, network, ..."""


def load(folder: Path, config: Config) -> Model:
    """Return the newest complete snapshot in a folder.

    Args:
        folder: The files of one or several snapshots.
        config: Its `data.aus` name the branches of `au_enc` in order, and its
            `data.crop` is the side of the images.

    Raises:
        UserError: files are missing, unreadable, or belong to other networks.
    """
    layers = _layers(len(config.data.aus))
    number = _newest(folder, list(layers))
    needed = prune(network_shapes(STAGE, config))
    leaves: dict[_Path, Any] = flatten_dict(needed._asdict())
    shapes = {path: leaf.shape for path, leaf in leaves.items()}
    arrays: dict[_Path, np.ndarray] = {}
    for name, entries in layers.items():
        file = folder / f"{name}_{number}.pth"
        arrays |= _convert(entries, _state_dict(file), shapes, file)
    if other := sorted("/".join(path) for path in arrays.keys() ^ shapes.keys()):
        raise UserError(
            f"--config describes other networks than ADLD's, such as {other[0]}; give"
            " configs/adld.py"
        )
    card = {
        "format": cards.FORMAT,
        "stage": STAGE,
        "networks": cards.describe_networks(config),
        "alignment": alignment("dlib68"),
        "thresholds": [metrics.THRESHOLD] * len(config.data.aus),
        "thresholds_path": "",
        "training": {"method": "ADLD", "snapshot": number},
        "versions": versions(),
    }
    return Model(card, Variables(**unflatten_dict(arrays)))


def _layers(num_aus: int) -> dict[str, list[Entry]]:
    """Return the entries of each file, in the order of the layers."""
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


def _blocks(path: _Path, count: int, normed: bool = False) -> Iterator[Entry]:
    """Yield the entries of blocks of convolution, norm and PReLU.

    Only batch norm (`normed`) has entries; instance norm has none.
    """
    for index in range(count):
        block = (*path, f"ConvBlock_{index}")
        params = ("params", *block)
        yield Entry("weight", (*params, "conv", "kernel"))
        yield Entry("bias", (*params, "bias"))
        if normed:
            yield Entry("weight", (*params, "norm", "scale"))
            yield Entry("bias", (*params, "norm", "bias"))
            for ending, leaf in _BATCH_NORM_STATISTICS:
                yield Entry(ending, ("batch_stats", *block, *leaf))
        yield Entry("weight", (*params, "prelu", "negative_slope"))


def _affine(path: _Path) -> Iterator[Entry]:
    yield Entry("weight", ("params", *path, "kernel"))
    yield Entry("bias", ("params", *path, "bias"))


def _newest(folder: Path, names: list[str]) -> int:
    """Return the highest number N for which every file NAME_N.pth exists."""
    if not folder.is_dir():
        raise UserError(
            f"--adld={folder} is not a folder; give the folder of the snapshots"
        )
    numbers = []
    for name in names:
        matches = (
            re.fullmatch(rf"{name}_(\d+)\.pth", f.name) for f in folder.iterdir()
        )
        numbers.append({int(match[1]) for match in matches if match})
    complete = set.intersection(*numbers)
    if not complete:
        files = ", ".join(f"{name}_N.pth" for name in names)
        raise UserError(
            f"{folder} holds no complete snapshot; it needs {files} with the same N"
        )
    return max(complete)


def _state_dict(file: Path) -> Mapping[str, np.ndarray]:
    """Return names and arrays in the order of the file."""
    try:
        import torch  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise UserError(
            "--adld needs PyTorch to read the files: pip install torch (the CPU build"
            " is enough)"
        ) from None
    try:
        with open_regular(file) as opened:  # a pipe would be waited for
            loaded = torch.load(opened, map_location="cpu", weights_only=True)
        arrays = {str(name): value.detach().numpy() for name, value in loaded.items()}
    except Exception as error:  # from the zip, the pickle, or values of other types
        text = " ".join(str(error).split())
        raise UserError(f"{file} is not a PyTorch state dict: {text[:100]}") from None
    return {
        name: array
        for name, array in arrays.items()
        if not name.endswith("num_batches_tracked")
    }


def _convert(
    entries: list[Entry],
    state_dict: Mapping[str, np.ndarray],
    shapes: Mapping[_Path, tuple[int, ...]],
    file: Path,
) -> dict[_Path, np.ndarray]:
    """Return the arrays of one file by their places, in our layout."""
    if len(state_dict) != len(entries):
        problem = f"{file} has {len(state_dict)} entries, not {len(entries)}"
        if file.name.startswith("au_enc"):
            hint = "name the AUs of its branches: --config.data.aus=1,2,..."
        else:
            hint = "it belongs to other networks"
        raise UserError(f"{problem}; {hint}")
    arrays = {}
    for entry, (name, array) in zip(entries, state_dict.items(), strict=True):
        shape = shapes[entry.path]
        if array.ndim == 4:  # out, in, height, width
            array = array.transpose(2, 3, 1, 0)
        elif array.ndim == 2:  # out, in
            array = array.T
        if array.shape == (1,) and not shape:  # the slope of a PReLU
            array = array[0]
        if name.rpartition(".")[2] != entry.ending or array.shape != shape:
            raise UserError(
                f"{file}: entry {name} of shape {array.shape} is where"
                f" {'/'.join(entry.path[1:])} of shape {shape} is expected"
            )
        if not np.isfinite(array).all():
            raise UserError(f"{file}: entry {name} has values that are not finite")
        arrays[entry.path] = np.array(array, np.float32, order="C")
    return arrays
