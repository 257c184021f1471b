"""Cropping of faces, exactly as preparation and the data pipeline crop them."""

import dataclasses

import numpy as np
from jaxtyping import Float, UInt8

from au_jax.data import transforms
from au_jax.faces import align
from au_jax.faces.finder import Face
from au_jax.faces.landmarks import NUM_LANDMARKS
from au_jax.model_file.file import Model


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
    def of_model(cls, model: Model) -> "Cropper":
        """Return the cropper with the sizes that a model was trained on."""
        alignment = model.card["alignment"]
        return cls(alignment["size"], float(alignment["enlarge"]), model.crop)

    def __call__(
        self, image: UInt8[np.ndarray, "h w 3"], face: Face
    ) -> UInt8[np.ndarray, "c c 3"]:
        """Return the crop of a face; without landmarks the face is all of `image`."""
        if np.isfinite(face.landmarks).all():
            points = face.landmarks.astype(np.float64)
            matrix = align.alignment_matrix(points, self.aligned, self.enlarge)
        else:
            matrix = _fit_whole(image.shape, self.aligned)
        square = align.align_image(image, matrix, self.aligned)
        resized = transforms.resized_side(self.side)
        no_points = np.zeros((NUM_LANDMARKS, 2), np.float32)
        square, _ = transforms.resize(square, no_points, resized)
        start = (resized - self.side) // 2
        return square[start : start + self.side, start : start + self.side]


def _fit_whole(shape: tuple[int, ...], side: int) -> Float[np.ndarray, "2 3"]:
    """Return the transform that centres a whole picture in a square of this side."""
    height, width = shape[:2]
    scale = side / max(height, width)
    shift = (side - 1) / 2 - scale * (np.array([width, height]) - 1) / 2
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
