"""The parameters and inputs of the reference files, drawn as their README describes.

The files `adld_seed{S}_crop{C}_b{B}.npz` and `joint_seed{S}_crop{C}_b{B}.npz` hold
numbers of an independent implementation (PyTorch). Its parameters and inputs are not
stored but follow from the seed. This module draws them and fills our trees.
"""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from au_jax.faces.landmarks import NUM_LANDMARKS


class Leaf(NamedTuple):
    """One parameter: the reference's name, our path, and how it is drawn."""

    reference: str
    path: tuple[str, ...]
    kind: str  # conv, dense, flat (dense behind a flattened map), bias, scale, slope
    frozen: bool = False  # a bias directly before a norm
    convolution: str = ""  # of a slope: the weight of its block's convolution


def conv_block(prefix: str, index: int, path: tuple[str, ...], norm: str) -> list[Leaf]:
    """Convolution `index` of a sequential, its norm `index + 1`, PReLU `index + 2`."""
    leaves = [
        Leaf(f"{prefix}.{index}.weight", (*path, "conv", "kernel"), "conv"),
        Leaf(f"{prefix}.{index}.bias", (*path, "bias"), "bias", frozen=True),
    ]
    if norm == "batch":
        leaves += [
            Leaf(f"{prefix}.{index + 1}.weight", (*path, "norm", "scale"), "scale"),
            Leaf(f"{prefix}.{index + 1}.bias", (*path, "norm", "bias"), "bias"),
        ]
    slope = Leaf(
        f"{prefix}.{index + 2}.weight",
        (*path, "prelu", "negative_slope"),
        "slope",
        convolution=f"{prefix}.{index}.weight",
    )
    return [*leaves, slope]


def affine(prefix: str, path: tuple[str, ...], kind: str) -> list[Leaf]:
    """A convolution or dense layer with a trainable bias."""
    return [
        Leaf(f"{prefix}.weight", (*path, "kernel"), kind),
        Leaf(f"{prefix}.bias", (*path, "bias"), "bias"),
    ]


def blocks(
    prefix: str, path: tuple[str, ...], norm: str, indices: tuple[int, ...]
) -> list[Leaf]:
    """Convolution blocks that start at `indices` of a sequential."""
    return [
        leaf
        for i, index in enumerate(indices)
        for leaf in conv_block(prefix, index, (*path, f"ConvBlock_{i}"), norm)
    ]


def adld_leaves(num_aus: int) -> list[Leaf]:
    """All parameters of the ADLD model in the order of the stream."""
    four = (0, 3, 6, 9)
    leaves = blocks(
        "base.align_attention_features",
        ("task", "feature_encoder"),
        "batch",
        (0, 3, 7, 10),
    )
    prefix = "land.align_attention_features"
    leaves += blocks(prefix, ("task", "landmark_encoder"), "instance", four)
    leaves += affine(f"{prefix}.13", ("task", "landmark_encoder", "Conv_0"), "conv")
    for a in range(num_aus):
        path = ("task", "au_detector", f"branch_{a}")
        leaves += blocks(f"au.aus_feat.{a}", path, "batch", (0, 3, 6))
        leaves += affine(f"au.aus_feat.{a}.9", (*path, "Conv_0"), "conv")
    for a in range(num_aus):
        path = ("task", "au_detector", f"branch_{a}", "Dense_0")
        leaves += affine(f"au.aus_fc.{a}", path, "dense")
    prefix = "tex.irrele_shape_encoder"
    leaves += blocks(prefix, ("generator", "background_generator"), "instance", four)
    prefix = "gen.feat_generator"
    path = ("generator", "feature_generator")
    leaves += blocks(prefix, path, "instance", (*four, 12))
    leaves += blocks("ldisc", ("discriminator", "landmark"), "instance", four)
    leaves += affine("ldisc.12", ("discriminator", "landmark", "Conv_0"), "conv")
    for name, domain in (("dsrc", "source"), ("dtgt", "target")):
        path = ("discriminator", domain)
        leaves += blocks(name, path, "instance", (0, 3, 6))
        leaves += affine(f"{name}.9", (*path, "Conv_0"), "conv")
        slope = (*path, "prelu", "negative_slope")
        leaves += [Leaf(f"{name}.10.weight", slope, "slope")]
        leaves += affine(f"{name}.11", (*path, "Conv_1"), "conv")
    return leaves


def cbam_leaves(prefix: str, path: tuple[str, ...]) -> list[Leaf]:
    """CBAM's parameters in the order of the stream."""
    spatial = f"{prefix}.SpatialGate.spatial"
    return [
        *affine(f"{prefix}.ChannelGate.mlp.1", (*path, "Dense_0"), "dense"),
        *affine(f"{prefix}.ChannelGate.mlp.3", (*path, "Dense_1"), "dense"),
        Leaf(f"{spatial}.conv.weight", (*path, "Conv_0", "kernel"), "conv"),
        Leaf(f"{spatial}.bn.weight", (*path, "BatchNorm_0", "scale"), "scale"),
        Leaf(f"{spatial}.bn.bias", (*path, "BatchNorm_0", "bias"), "bias"),
    ]


def joint_leaves(num_aus: int) -> list[Leaf]:
    """All parameters of the paper's model in the order of the stream."""
    path = ("task", "landmark_detector")
    leaves = adld_leaves(num_aus)
    leaves += blocks("det.parts", path, "batch", (0, 3, 7, 10, 14, 17))
    leaves += cbam_leaves("det.cbam", (*path, "CBAM_0"))
    leaves += affine("det.fc1", (*path, "Dense_0"), "flat")
    leaves += affine("det.fc2", (*path, "Dense_1"), "dense")
    for kind in ("feature", "landmark", "background"):
        path = ("generator", f"projector_{kind}", "Conv_0", "kernel")
        leaves += [Leaf(f"proj.{kind}.weight", path, "projector")]
    return leaves


def draw(
    stream: np.random.RandomState, kind: str, shape: tuple[int, ...]
) -> np.ndarray:
    """One parameter of our `shape`, drawn in the reference's layout."""
    if kind == "slope":
        return np.full(shape, 0.25, np.float32)
    if kind == "scale":
        return stream.uniform(0.8, 1.2, shape).astype(np.float32)
    if kind == "bias":
        return stream.uniform(-0.1, 0.1, shape).astype(np.float32)
    if kind == "projector":
        noise = stream.uniform(-0.1, 0.1, (shape[-1], shape[-2], 1, 1))
        return (np.eye(shape[-1]) + noise[..., 0, 0]).T[None, None].astype(np.float32)
    if kind in ("conv", "dense"):
        expected = (*shape[:-3:-1], *shape[:-2])  # out, in, height, width
        drawn = stream.uniform(-1, 1, expected) * np.sqrt(3 / np.prod(expected[1:]))
        return np.moveaxis(drawn, (0, 1), (-1, -2)).astype(np.float32)
    if kind == "flat":  # the reference flattens channel, row, column
        drawn = stream.uniform(-1, 1, shape[::-1]) * np.sqrt(3 / shape[0])
        channels = 160
        k = round((shape[0] / channels) ** 0.5)
        by_map = drawn.reshape(shape[1], channels, k, k).transpose(2, 3, 1, 0)
        return by_map.reshape(shape).astype(np.float32)
    raise ValueError(kind)


def fill(params: dict, leaves: list[Leaf], stream: np.random.RandomState) -> None:
    """Replace every parameter in the nested dict `params` by the reference's."""
    for leaf in leaves:
        *parents, name = leaf.path
        node = params
        for parent in parents:
            node = node[parent]
        node[name] = draw(stream, leaf.kind, np.shape(node[name]))


class Case(NamedTuple):
    """The settings in a reference file's name."""

    seed: int
    crop: int
    batch_size: int


def parse(path: Path) -> Case:
    """Return the seed, crop and batch size in a reference file's name."""
    numbers = re.search(r"_seed(\d+)_crop(\d+)_b(\d+)$", path.stem)
    assert numbers, f"{path.name} does not say its seed, crop and batch size"
    return Case(*map(int, numbers.groups()))


def inputs(case: Case, joint: bool) -> tuple[dict, np.ndarray]:
    """The batch and the AU weights of a reference file."""
    stream = np.random.RandomState(case.seed + 1000)
    b, c, f = case.batch_size, case.crop, case.crop // 4
    images = [stream.uniform(-1, 1, (b, 3, c, c)) for _ in range(2)]
    cells = [stream.randint(0, f * f, (b, NUM_LANDMARKS)) for _ in range(2)]
    aus = (stream.uniform(0, 1, (b, 6)) < 0.4).astype(np.float32)
    weight = stream.uniform(0.3, 2, 6)
    landmarks = np.ones((b, NUM_LANDMARKS, 2))
    if joint:
        landmarks = stream.uniform(0.1, 0.9, (b, NUM_LANDMARKS, 2))
    batch = {
        "image": np.stack(images).transpose(0, 1, 3, 4, 2).astype(np.float32),
        "landmarks": np.stack([landmarks, landmarks]).astype(np.float32),
        "cells": np.stack(cells).astype(np.int32),
        "aus": np.stack([aus, np.zeros_like(aus)]),
        "aus_known": np.stack([np.ones_like(aus), np.zeros_like(aus)]).astype(bool),
        "person": np.zeros(np.shape(aus)[:1], np.int32)[None].repeat(2, axis=0),
    }
    return batch, (weight / weight.sum() * 6).astype(np.float32)
