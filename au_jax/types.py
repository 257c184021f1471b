"""The types that packages share.

Dimension letters: `d` domain (source, target), `b` batch, `h w` height and width,
`f` side of a feature map, `c` channel, `k` landmark (49), `a` action unit (AU).
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

import jax
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from ml_collections import ConfigDict

if TYPE_CHECKING:
    # ml_collections declares the attributes of a config as plain values, although most
    # of them are configs themselves.
    Config = Any
else:
    Config = ConfigDict

Array = jax.Array | np.ndarray

SIDE = 200
"""Side of an aligned face in pixels (method.md section 6)."""

CELL = 4
"""Pixels of a crop along each side of a cell of its f x f feature maps."""

AU_PATHS = ("reconstructed", "direct")
"""The features that AUs can be predicted from (method.md section 7).

"reconstructed" is AU(G_st(A, B)), the target's own separated features, by which ADLD
tests the target; "direct" is AU(E_f(I)), the features of the image itself. The paper
names neither.
"""

Example = dict[str, Any]
"""One face of a data set; `FaceSplit.__getitem__` documents its entries."""

DOMAINS = ("source", "target")
"""The domains in the order of a joint batch's leading axis."""

JOINT = "+"
"""Stands between the names of the data sets that make up one domain."""

RULES = (*DOMAINS, "label_free")
"""The rules by which a best checkpoint is chosen: by its score on the validation of a
domain, or without any label of the target (`config.eval.label_free`)."""

Params = dict[str, Any]
"""A nested dict of arrays, as Linen stores a network's parameters or statistics."""

Terms = dict[str, Array]
"""Loss terms by the names that the config, the logs and the tables use."""


class Batch(TypedDict):
    """The input of a training step: one domain, or both with the source first."""

    image: UInt8[Array, "d b h w 3"] | Float[Array, "d b h w 3"]
    """RGB. Loaders and transfers use bytes, 0..255; the compiled step converts them
    to the -1..1 that stages see."""
    landmarks: Float[Array, "d b 49 2"]
    """Coordinates x, y in units of the crop side."""
    cells: Int[Array, "d b 49"]
    """Index y * f + x of each landmark's cell on the f x f map, f = crop / 4, after
    AU-centre refinement (method.md section 6)."""
    aus: Float[Array, "d b a"]
    """1 for an active AU, 0 for an inactive or unknown one."""
    aus_known: Bool[Array, "d b a"]
    person: Int[Array, "d b"]
    """A number of the subject, whose name several sets may share. Where a set has
    no subjects, each image counts as a person."""


class Microbatch(Batch):
    """A part of a batch (`stages/accumulation.py`)."""

    known_per_part: Float[Array, "d"]
    """The known labels of the whole batch, divided by the number of parts."""


class EvalBatch(TypedDict):
    """The input of an evaluation step: centre crops of one domain.

    The last batch of a split is padded to full size; `valid` marks the real rows.
    """

    image: UInt8[Array, "b h w 3"]
    landmarks: Float[Array, "b 49 2"]
    aus: Float[Array, "b a"]
    aus_known: Bool[Array, "b a"]
    valid: Bool[Array, "b"]


class Variables(NamedTuple):
    """The variables of a stage's networks, by group and network."""

    params: dict[str, Params]
    """Group -> network -> the network's parameters, Linen's "params"."""
    batch_stats: dict[str, Params]
    """Group -> network -> its running statistics, Linen's "batch_stats"."""


class Prediction(NamedTuple):
    """The predictions for a batch of images."""

    aus: dict[str, Float[Array, "b a"]]
    """AU probabilities by path, "direct" or "reconstructed" (method.md section 7)."""
    landmarks: Float[Array, "b 49 2"] | None
    """Coordinates x, y in units of the crop side; None without a landmark branch."""


PredictFn = Callable[[Variables, Array, Array], Prediction]
"""`(variables, image, landmarks) -> prediction`.

`image` is (b, h, w, 3) in -1..1; `landmarks`, (b, 49, 2) in units of the crop side, are
those that the image was aligned by. Only an AU head with the pooling
"landmarks", a feature generator with `model.attention` "true" and the stages
`gradient_patches` and `self_training` use them.
"""
