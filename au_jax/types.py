"""The shapes that travel through the program, by name.

Dimension letters: `d` domain (source, target), `b` batch, `h w` space, `c` channel,
`k` landmark (49), `a` action unit.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

import jax
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from ml_collections import ConfigDict

if TYPE_CHECKING:
    # ml_collections types the attributes of a config as plain values, never as what
    # most of them are: configs.
    Config = Any
else:
    Config = ConfigDict

Array = jax.Array | np.ndarray

SIDE = 200
"""Pixels of an aligned face, along each axis."""

Example = dict[str, Any]
"""One face of a data set: see `FaceSplit.__getitem__`."""

DOMAINS = ("source", "target")
"""The leading axis of a joint batch, in order."""

Params = dict[str, Any]
"""A nested dict of arrays: what Linen's `init` returns under "params"."""

Terms = dict[str, Array]
"""Loss terms by name: the names of the config, the logs and the tables."""


class Batch(TypedDict):
    """What a training step takes: one or two domains side by side, source first."""

    image: UInt8[Array, "d b h w 3"] | Float[Array, "d b h w 3"]
    """RGB: bytes until they are on the device, -1..1 where a stage sees them
    (au_jax/stages/pixels.py)."""
    landmarks: Float[Array, "d b 49 2"]
    """x, y in units of the crop side."""
    cells: Int[Array, "d b 49"]
    """Index y * f + x of each landmark's cell on the f x f map, f = crop / 4, after
    AU-centre refinement (method.md section 6)."""
    aus: Float[Array, "d b a"]
    """1 active, 0 not; 0 where unknown."""
    aus_known: Bool[Array, "d b a"]


class EvalBatch(TypedDict):
    """One domain, centre crops. The last batch is padded; `valid` marks real rows."""

    image: UInt8[Array, "b h w 3"]
    landmarks: Float[Array, "b 49 2"]
    aus: Float[Array, "b a"]
    aus_known: Bool[Array, "b a"]
    valid: Bool[Array, "b"]


class Variables(NamedTuple):
    """Everything that a stage's networks compute with; both are keyed by group."""

    params: dict[str, Params]
    """Parameters: group -> network -> the tree that Linen calls "params"."""
    batch_stats: dict[str, Params]
    """Running statistics: group -> network -> Linen's "batch_stats"."""


class Prediction(NamedTuple):
    """The answers of a model for a batch of images."""

    aus: dict[str, Float[Array, "b a"]]
    """Probabilities by path ("direct", "reconstructed")."""
    landmarks: Float[Array, "b 49 2"] | None
    """x, y in units of the crop side; None where the model finds none."""


PredictFn = Callable[[Variables, Array], Prediction]
"""`(variables, image) -> prediction`; image is (b, h, w, 3), -1..1."""
