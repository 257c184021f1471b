"""The 49 landmarks of a face, by a cascade of regressions on histograms of gradients.

This is supervised descent (Xiong and De la Torre, CVPR 2013): each step looks at
histograms about the present points, and a linear map of them moves the points.
`rendering/fit_landmarks.py` fitted the maps to rendered faces and to photographs that
it moved, so no licensed data set has a part in them. It needs NumPy and OpenCV only,
because workers of `prepare` do without JAX.
"""

import dataclasses
import functools
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from au_jax.faces.align import align_landmarks
from au_jax.faces.landmarks import NUM_LANDMARKS

FILE = Path(__file__).with_name("cascade.npz")

SIDE = 112  # of the square that the cascade sees, in pixels
ORIENTATIONS = 8
CELLS = 4  # of a patch, along each side
SIZE = NUM_LANDMARKS * CELLS**2 * ORIENTATIONS
"""The number of histogram values that a step sees."""

# dlib's five points in that square: the outer and the inner corner of the eye on the
# right of the picture, the same of the left one, and the base of the nose.
ANCHORS = np.array([(80.5, 51), (66.5, 51), (30.5, 51), (44.5, 51), (55.5, 78)])

_STEPS = np.arange(CELLS) - (CELLS - 1) / 2
_GRID = np.stack(np.meshgrid(_STEPS, _STEPS), axis=-1).reshape(-1, 2)


@dataclasses.dataclass(frozen=True)
class Step:
    """One regression; its matrix is a product of two thin ones."""

    cell: int
    """The side of a cell in pixels."""
    spacing: float
    """Pixels between neighbouring cells."""
    inner: Float[np.ndarray, "s r"]
    outer: Float[np.ndarray, "r 98"]
    bias: Float[np.ndarray, "98"]


@dataclasses.dataclass(frozen=True)
class Cascade:
    """The fitted cascade."""

    mean: Float[np.ndarray, "49 2"]
    """Where the points start, in pixels of the square."""
    steps: tuple[Step, ...]
    shift: Float[np.ndarray, "49 2"]
    """From the points of a rendered head to these, in eye distances, on a level face.

    It is the convention of dlib's points (`rendering/fit_landmarks.py`).
    """

    def __call__(
        self, grey: UInt8[np.ndarray, "h w"], five: Float[np.ndarray, "5 2"]
    ) -> Float[np.ndarray, "49 2"]:
        """Return the landmarks of a face: x, y in pixels of the picture.

        Args:
            grey: The picture.
            five: dlib's five points of the face, in pixels.
        """
        matrix = to_square(five)
        return from_square(self.in_square(cut(grey, matrix)), matrix)

    def in_square(
        self, square: UInt8[np.ndarray, "112 112"]
    ) -> Float[np.ndarray, "49 2"]:
        """Return the landmarks in pixels of the square."""
        by_orientation, points = orientations(square), self.mean
        for step in self.steps:
            seen = patches(by_orientation, points, step.cell, step.spacing)
            moved = seen @ step.inner @ step.outer + step.bias
            points = points + moved.reshape(points.shape)
        return points


@functools.cache
def load() -> Cascade:
    """Read cascade.npz."""
    with np.load(FILE) as data:
        steps = tuple(
            Step(
                int(data[f"cell_{i}"]),
                float(data[f"spacing_{i}"]),
                data[f"inner_{i}"].astype(np.float32),
                data[f"outer_{i}"].astype(np.float32),
                data[f"bias_{i}"].astype(np.float32),
            )
            for i in range(int(data["steps"]))
        )
        return Cascade(data["mean"], steps, data["shift"])


def save(cascade: Cascade, file: Path = FILE) -> None:
    """Write a cascade; its large matrices keep 11 bits."""
    arrays: dict[str, np.ndarray] = {
        "mean": cascade.mean.astype(np.float32),
        "shift": cascade.shift.astype(np.float32),
        "steps": np.array(len(cascade.steps)),
    }
    for i, step in enumerate(cascade.steps):
        arrays[f"cell_{i}"] = np.array(step.cell)
        arrays[f"spacing_{i}"] = np.array(step.spacing)
        arrays[f"inner_{i}"] = step.inner.astype(np.float16)
        arrays[f"outer_{i}"] = step.outer.astype(np.float32)
        arrays[f"bias_{i}"] = step.bias.astype(np.float32)
    np.savez(file, allow_pickle=False, **arrays)


def to_square(five: Float[np.ndarray, "5 2"]) -> Float[np.ndarray, "2 3"]:
    """Return the similarity transform that brings five points nearest to `ANCHORS`.

    Raises:
        ValueError: the points coincide.
    """
    points = five.astype(np.float64)
    source, target = points.mean(axis=0), ANCHORS.mean(axis=0)
    centred, wanted = points - source, ANCHORS - target
    size = (centred**2).sum()
    if not size > 0:
        raise ValueError("the five points coincide")
    along = (centred * wanted).sum() / size
    across = (centred[:, 0] * wanted[:, 1] - centred[:, 1] * wanted[:, 0]).sum() / size
    turn = np.array([[along, -across], [across, along]])
    return np.concatenate([turn, (target - turn @ source)[:, None]], axis=1)


def cut(
    grey: UInt8[np.ndarray, "h w"], matrix: Float[np.ndarray, "2 3"]
) -> UInt8[np.ndarray, "112 112"]:
    """Cut the square out of a picture; beyond its border, the border continues.

    A large face is shrunk first, so that no pixel is skipped.
    """
    scale = float(np.hypot(*matrix[:, 0]))
    if scale < 0.5:
        return _cut_large(grey, matrix, scale)
    return _warp(grey, matrix)


def from_square(
    points: Float[np.ndarray, "49 2"], matrix: Float[np.ndarray, "2 3"]
) -> Float[np.ndarray, "49 2"]:
    """Map points of the square to pixels of the picture."""
    back = cv2.invertAffineTransform(matrix)
    return align_landmarks(points.astype(np.float64), back).astype(np.float32)


def orientations(
    square: UInt8[np.ndarray, "h w"],
) -> Float[np.ndarray, "h w 8"]:
    """Return the strength of each pixel's gradient, by orientation.

    The gradient is that of the square root of the brightness. It counts for both
    neighbouring orientations, in proportion.
    """
    root = np.sqrt(square.astype(np.float32))
    x_slope = cv2.Sobel(root, cv2.CV_32F, 1, 0, ksize=1)
    y_slope = cv2.Sobel(root, cv2.CV_32F, 0, 1, ksize=1)
    strength, angle = cv2.cartToPolar(x_slope, y_slope)
    turn = angle.ravel() * np.float32(ORIENTATIONS / (2 * np.pi))
    low = turn.astype(np.int32)
    share, place = (turn - low) * strength.ravel(), np.arange(len(turn))
    split = np.zeros((len(turn), ORIENTATIONS), np.float32)
    split[place, low % ORIENTATIONS] = strength.ravel() - share
    split[place, (low + 1) % ORIENTATIONS] = share
    return split.reshape(*square.shape, ORIENTATIONS)


def patches(
    by_orientation: Float[np.ndarray, "h w 8"],
    points: Float[np.ndarray, "49 2"],
    cell: int,
    spacing: float,
) -> Float[np.ndarray, "s"]:
    """Return the histograms of a patch about each point, each of length 1 or less.

    A patch without edges stays short.
    """
    sums = cv2.boxFilter(by_orientation, -1, (cell, cell), normalize=False)
    height, width, _ = sums.shape
    at = points[:, None] + np.float32(spacing) * _GRID[None]
    at = np.clip(at.reshape(-1, 2), 0, (width - 1.001, height - 1.001))
    first = at.astype(np.int32)
    share = (at - first).astype(np.float32)[..., None]
    index = first[:, 1] * width + first[:, 0]
    flat = sums.reshape(-1, ORIENTATIONS)
    top = flat[index] * (1 - share[:, 0]) + flat[index + 1] * share[:, 0]
    low = flat[index + width] * (1 - share[:, 0])
    low += flat[index + width + 1] * share[:, 0]
    values = top * (1 - share[:, 1]) + low * share[:, 1]
    patch = values.reshape(len(points), -1)
    norm = np.sqrt((patch**2).sum(axis=1, keepdims=True) + 1)
    return (patch / norm).ravel()


def _cut_large(
    grey: UInt8[np.ndarray, "h w"], matrix: Float[np.ndarray, "2 3"], scale: float
) -> UInt8[np.ndarray, "112 112"]:
    """Cut the square out of a window that is shrunk to about twice its pixels."""
    corners = np.array([(0, 0), (SIDE, 0), (0, SIDE), (SIDE, SIDE)], np.float64)
    place = align_landmarks(corners, cv2.invertAffineTransform(matrix))
    margin = 2 / scale
    height, width = grey.shape
    first, last = place.min(axis=0) - margin, place.max(axis=0) + margin
    left, top = np.clip(first, 0, (width - 1, height - 1)).astype(int)
    right, low = np.clip(last, (left + 1, top + 1), (width, height)).astype(int)
    window = grey[top:low, left:right]
    size = tuple(max(1, round(2 * scale * n)) for n in window.shape[::-1])
    small = cv2.resize(window, size, interpolation=cv2.INTER_AREA)
    ratio = np.array(size) / window.shape[::-1]
    # The centres of pixels have integer coordinates.
    shift = (np.array((left, top)) - 0.5) * ratio + 0.5
    shrunk = np.diag(1 / ratio)
    turn = matrix[:, :2] @ shrunk
    moved = matrix[:, 2] + turn @ shift
    return _warp(small, np.concatenate([turn, moved[:, None]], axis=1))


def _warp(
    grey: UInt8[np.ndarray, "h w"], matrix: Float[np.ndarray, "2 3"]
) -> UInt8[np.ndarray, "112 112"]:
    return cv2.warpAffine(
        grey,
        matrix,
        (SIDE, SIDE),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
