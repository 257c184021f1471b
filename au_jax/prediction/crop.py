"""Cropping of faces, exactly as preparation and the data pipeline crop them."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from au_jax.data import transforms
from au_jax.faces import align
from au_jax.faces.finder import Face


class Crop(NamedTuple):
    """A face that is cut out, as a network sees it."""

    image: UInt8[np.ndarray, "c c 3"]
    """RGB."""
    landmarks: Float[np.ndarray, "49 2"]
    """x, y in units of the crop side; NaN if they were not detected."""


@dataclasses.dataclass(frozen=True)
class Cropper:
    """Cuts the face out of a picture, as a network saw faces in training."""

    aligned: int
    """Side of the aligned square, in pixels."""
    enlarge: float
    """Side of that square over the extent of the face (`align.alignment_matrix`)."""
    side: int
    """Side of the crop from its centre, in pixels."""

    @classmethod
    def of_card(cls, card: Mapping[str, Any], side: int) -> "Cropper":
        """Return the cropper with the sizes that a model was trained on.

        Args:
            card: The card of the model. The model itself is not imported: processes
                that crop need no network.
            side: Side of its crop, in pixels.
        """
        alignment = card["alignment"]
        return cls(alignment["size"], float(alignment["enlarge"]), side)

    def __call__(self, image: UInt8[np.ndarray, "h w 3"], face: Face) -> Crop:
        """Return the crop of a face; without landmarks the face is all of `image`."""
        points = face.landmarks.astype(np.float64)
        if np.isfinite(points).all():
            matrix = align.alignment_matrix(points, self.aligned, self.enlarge)
        else:
            matrix = _fit_whole(image.shape, self.aligned)
        square = align.align_image(image, matrix, self.aligned)
        points = align.align_landmarks(points, matrix)
        resized = transforms.resized_side(self.side)
        square, points = transforms.resize(square, points, resized)
        start = (resized - self.side) // 2
        cut = square[start : start + self.side, start : start + self.side]
        return Crop(cut, ((points - start) / self.side).astype(np.float32))


def _fit_whole(shape: tuple[int, ...], side: int) -> Float[np.ndarray, "2 3"]:
    """Return the transform that centres a whole picture in a square of this side."""
    height, width = shape[:2]
    scale = side / max(height, width)
    shift = (side - 1) / 2 - scale * (np.array([width, height]) - 1) / 2
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
