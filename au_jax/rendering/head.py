"""The head: a mesh and shapes that deform it (MakeHuman data, CC0; see repackage.py).

Lengths are in decimetres. The x axis points to the head's left (the right of a
picture), y up, z out of the face.
"""

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8

FILE = Path(__file__).with_name("head.npz")

# The vertices of the 49 landmarks: in 220 rendered people, they are on average nearest
# to the points that dlib finds (4.9 % of the eye distance). Both sides are symmetric.
LANDMARKS = np.array(
    [
        *(261, 232, 229, 223, 235, 2501, 2491, 2496, 2499, 2524),  # brows
        *(136, 135, 164, 294, 344, 313, 317, 2570, 2599),  # nose
        *(1484, 4, 55, 2263, 45, 39, 4424, 2333, 2282, 3666, 2317, 2323),  # eyes
        *(
            1431,
            1830,
            456,
            466,
            2709,
            3996,
            3614,
            2733,
            2735,
            492,
            486,
            484,
        ),  # outer mouth
        *(462, 474, 2715, 2758, 493, 517),  # inner mouth
    ]
)

SKIN, EYE, LASH, TEETH, TONGUE = range(5)  # materials


@dataclasses.dataclass(frozen=True)
class Head:
    """The neutral head, and its shapes as displacements of the vertices."""

    vertices: Float[np.ndarray, "v 3"]
    triangles: Int[np.ndarray, "t 3"]
    materials: UInt8[np.ndarray, " t"]  # of each triangle
    regions: Mapping[str, Float[np.ndarray, " v"]]  # parts of the skin, 0..1
    units: Mapping[str, Float[np.ndarray, "v 3"]]  # facial units at full strength
    macros: Mapping[str, Float[np.ndarray, "v 3"]]  # sex, age, weight, origin
    details: Mapping[str, Float[np.ndarray, "v 3"]]  # single features


@functools.cache
def load() -> Head:
    """Read head.npz, which takes 0.1 s."""
    with np.load(FILE) as data:
        shapes = {
            kind: dict(
                zip(
                    data[f"{kind}_names"].tolist(),
                    data[f"{kind}_targets"].astype(np.float32) / 1000,
                    strict=True,
                )
            )
            for kind in ("unit", "macro", "detail")
        }
        regions = zip(
            data["region_names"].tolist(),
            data["regions"].astype(np.float32) / 255,
            strict=True,
        )
        return Head(
            vertices=data["vertices"],
            triangles=data["triangles"].astype(np.int32),
            materials=data["materials"],
            regions=dict(regions),
            units=shapes["unit"],
            macros=shapes["macro"],
            details=shapes["detail"],
        )


def deform(
    vertices: Float[np.ndarray, "v 3"],
    shapes: Mapping[str, Float[np.ndarray, "v 3"]],
    weights: Mapping[str, float],
) -> Float[np.ndarray, "v 3"]:
    """Add a weighted sum of shapes to the vertices."""
    moved = vertices.copy()
    for name, weight in weights.items():
        moved += np.float32(weight) * shapes[name]
    return moved


def normals(
    vertices: Float[np.ndarray, "v 3"], triangles: Int[np.ndarray, "t 3"]
) -> Float[np.ndarray, "v 3"]:
    """Return unit normals of the vertices: means of the triangles, weighted by area."""
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    of_triangles = np.cross(b - a, c - a)
    total = np.stack(
        [
            np.bincount(
                triangles.ravel(),
                np.repeat(of_triangles[:, axis], 3),
                minlength=len(vertices),
            )
            for axis in range(3)
        ],
        axis=1,
    )
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return (total / np.maximum(length, 1e-12)).astype(np.float32)
