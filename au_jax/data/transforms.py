"""Crop, mirror and normalise aligned faces (method.md section 6).

All but `normalise` is plain NumPy on one example at a time.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8

from au_jax.data.degradation import degrade
from au_jax.errors import UserError
from au_jax.faces.landmarks import MIRROR, refine_centres
from au_jax.types import CELL, SIDE, Array, Example

# Threads load batches, one example each; OpenCV's own threads would only compete.
cv2.setNumThreads(1)

PAPER_CROP = 176  # out of an aligned image of side 200


def resized_side(crop: int) -> int:
    """Return the side to which an aligned image is resized before it is cropped.

    Raises:
        UserError: the crop is not possible.
    """
    if crop % 16 or crop < 128:
        raise UserError(
            f"the crop must be a multiple of 16 and at least 128, not {crop}"
        )
    return round(SIDE * crop / PAPER_CROP)


def resize(
    image: UInt8[np.ndarray, "h h 3"], landmarks: Float[np.ndarray, "49 2"], side: int
) -> tuple[UInt8[np.ndarray, "s s 3"], Float[np.ndarray, "49 2"]]:
    """Resize an aligned face; pixel centres have integer coordinates."""
    if side == len(image):
        return image, landmarks
    scale = side / len(image)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    image = cv2.resize(image, (side, side), interpolation=method).astype(np.uint8)
    return image, (landmarks + 0.5) * scale - 0.5


def landmark_cells(
    landmarks: Float[np.ndarray, "49 2"],
    offset: tuple[int, int],
    mirrored: bool,
    crop: int,
) -> Int[np.ndarray, "49"]:
    """Return the index y * f + x of each landmark's cell, after AU-centre refinement.

    The cells are computed from the original landmarks, as ADLD does (method.md section
    6): mirroring on the map differs by three pixels from mirroring in the image.

    Args:
        landmarks: x, y in pixels of the image before cropping.
        offset: x, y of the crop's corner in the image.
        mirrored: True if the crop is mirrored.
        crop: The side of the crop; f = crop / 4.
    """
    f = crop // CELL
    points = (landmarks - np.array(offset)) / CELL
    if mirrored:
        points = np.stack([(f - 1) - points[:, 0], points[:, 1]], axis=-1)[MIRROR]
    points = refine_centres(points)
    x, y = np.clip(np.rint(points), 0, f - 1).astype(np.int32).T
    return y * f + x


def cropped(
    example: Example, crop: int, offset: tuple[int, int], mirrored: bool
) -> Example:
    """Crop an example that is resized already.

    Returns:
        `image` (c, c, 3) in 0..255, `landmarks` (49, 2) in units of the crop side,
        `cells` (49,), `aus`, `aus_known`, `person`.
    """
    x, y = offset
    image = example["image"][y : y + crop, x : x + crop]
    points = example["landmarks"] - np.array(offset, np.float32)
    if mirrored:
        # A copy in memory order, because a view makes stacking three times as slow.
        image = cv2.flip(image, 1).astype(np.uint8, copy=False)
        points = np.stack([(crop - 1) - points[:, 0], points[:, 1]], axis=-1)[MIRROR]
    return {
        "image": image,
        "landmarks": (points / crop).astype(np.float32),
        "cells": landmark_cells(example["landmarks"], offset, mirrored, crop),
        "aus": example["aus"],
        "aus_known": example["aus_known"],
        "person": example["person"],
    }


def augment(
    example: Example, rng: np.random.Generator, crop: int, degraded: float = 0.0
) -> Example:
    """Return a random crop for training, mirrored with probability .5.

    Args:
        example: As `FaceSplit` returns it.
        rng: Draws everything.
        crop: The side of the crop in pixels.
        degraded: The probability that the crop gets the faults of poor cameras.
    """
    (found,) = augment_clip([example], rng, crop)
    if degraded and rng.random() < degraded:
        found["image"] = degrade(found["image"], rng)
    return found


def augment_clip(
    frames: Sequence[Example], rng: np.random.Generator, crop: int
) -> tuple[Example, ...]:
    """Return a random crop of each frame; all are mirrored, or none."""
    side, resized = resized_side(crop), []
    for frame in frames:
        image, landmarks = resize(frame["image"], frame["landmarks"], side)
        x, y = (int(v) for v in rng.integers(0, side - crop, size=2, endpoint=True))
        resized.append((frame | {"image": image, "landmarks": landmarks}, (x, y)))
    mirrored = bool(rng.random() < 0.5)
    return tuple(cropped(frame, crop, at, mirrored) for frame, at in resized)


def centre(example: Example, crop: int) -> Example:
    """Return the centre crop for evaluation."""
    side = resized_side(crop)
    image, landmarks = resize(example["image"], example["landmarks"], side)
    offset = (side - crop) // 2
    example = example | {"image": image, "landmarks": landmarks}
    return cropped(example, crop, (offset, offset), mirrored=False)


def normalise(image: UInt8[Array, "*b h w 3"]) -> Float[Array, "*b h w 3"]:
    """Map bytes to -1..1: (x / 255 - .5) / .5 (method.md section 6).

    Data sets, loaders and transfers to the device keep bytes, a quarter of the size;
    the compiled programs begin with this function.
    """
    return image.astype(np.float32) / np.float32(127.5) - np.float32(1)
