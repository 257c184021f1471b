"""Action units of pictures, in Python: numpy in, numpy out.

from au_jax import Detector
faces = Detector("model.aujax")([picture])[0]
"""

import dataclasses
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

import jax
import numpy as np
from jaxtyping import Bool, Float, UInt8

from au_jax.data import transforms
from au_jax.errors import UserError
from au_jax.evaluation.metrics import THRESHOLD
from au_jax.faces import align
from au_jax.faces.finder import Face, FaceFinder, whole_face
from au_jax.model_file import card as cards
from au_jax.model_file import file
from au_jax.stages import STAGES
from au_jax.types import Variables

# Faces per run of the networks. It never changes, so that XLA runs the same program on
# every face and no result depends on how many faces came with it.
BATCH = 16

PATHS = ("reconstructed", "direct")


@dataclasses.dataclass(frozen=True)
class FaceAus:
    """One face and its action units."""

    face: Face
    aus: tuple[int, ...]
    """Numbers of the AUs, in the order of the arrays below."""
    probabilities: Float[np.ndarray, "a"]
    decisions: Bool[np.ndarray, "a"]
    """The probability is at least the threshold that the model stores for the AU."""


class Detector:
    """A loaded model. One object may be used by several threads."""

    def __init__(self, model: str | Path | file.Model, path: str | None = None):
        """Loads the model; dlib is loaded with the first picture.

        Args:
            model: A file that `python -m au_jax.export` wrote.
            path: "reconstructed" (of the target's own separated features, by which the
                paper tests) or "direct"; None is the first of them that the model has.

        Raises:
            UserError: the file is no model, or has no such path.
        """
        if not isinstance(model, file.Model):
            model = file.load(Path(model))
        self.model = model
        self.path = chosen_path(model, path)
        limits = model.card["thresholds"]
        if model.card.get("thresholds_path") not in ("", None, self.path):
            limits = [THRESHOLD] * len(limits)  # they were chosen on the other path
        self.thresholds = np.array(limits, np.float32)
        networks = jax.device_put(Variables(model.params, model.batch_stats))
        predict = STAGES[model.card["stage"]].make_predict(
            cards.network_config(model.card)
        )
        run = jax.jit(lambda networks, x: predict(networks, x).aus[self.path])
        self._run = lambda images: run(networks, images)
        self._finder: FaceFinder | None = None
        self._lock = threading.Lock()

    @property
    def finder(self) -> FaceFinder:
        """What finds the faces; raises a `UserError` where dlib is absent."""
        with self._lock:
            if self._finder is None:
                self._finder = FaceFinder()
            return self._finder

    def __call__(
        self, images: Iterable[np.ndarray], whole: bool = False
    ) -> list[list[FaceAus]]:
        """The faces of each picture, the largest first; an empty list where none is.

        Args:
            images: (height, width, 3), uint8, RGB, 0..255, of any sizes.
            whole: Each picture is one face, cut out and aligned already.
        """
        images = list(images)
        for image in images:
            if not (
                isinstance(image, np.ndarray)
                and image.dtype == np.uint8
                and image.ndim == 3
                and image.shape[2] == 3
            ):
                raise UserError(
                    "Detector takes a list of pictures, each a uint8 array of shape"
                    " (height, width, 3) in RGB; for one picture give [picture]"
                )
        found = [[whole_face(i)] if whole else self.finder.faces(i) for i in images]
        crops = [
            self.crop(image, face)
            for image, faces in zip(images, found, strict=True)
            for face in faces
        ]
        rows = iter(self.probabilities(crops))
        return [[self._named(face, next(rows)) for face in faces] for faces in found]

    def _named(self, face: Face, probabilities: Float[np.ndarray, "a"]) -> FaceAus:
        active = probabilities >= self.thresholds
        return FaceAus(face, self.model.aus, probabilities, active)

    def crop(
        self, image: UInt8[np.ndarray, "h w 3"], face: Face
    ) -> UInt8[np.ndarray, "c c 3"]:
        """The face as the networks saw faces in training: same functions and numbers.

        A face without landmarks is the whole picture.
        """
        alignment, crop = self.model.card["alignment"], self.model.crop
        size = alignment["size"]
        if np.isfinite(face.landmarks).all():
            points = face.landmarks.astype(np.float64)
            matrix = align.alignment_matrix(points, size, alignment["enlarge"])
            image = align.align_image(image, matrix, size)
        else:
            image = align.align_image(image, _fit(image.shape, size), size)
        side = transforms.resized_side(crop)
        square, _ = transforms.resize(image, np.zeros((49, 2), np.float32), side)
        at = (side - crop) // 2
        return square[at : at + crop, at : at + crop]

    def probabilities(
        self, crops: Sequence[UInt8[np.ndarray, "c c 3"]]
    ) -> Float[np.ndarray, "n a"]:
        """Probabilities of the AUs of crops that `crop` made."""
        found = [np.zeros((0, len(self.model.aus)), np.float32)]
        for first in range(0, len(crops), BATCH):
            part = crops[first : first + BATCH]
            images = np.zeros((BATCH, *part[0].shape), np.float32)
            images[: len(part)] = [transforms.normalise(crop) for crop in part]
            found.append(np.asarray(self._run(images))[: len(part)])
        return np.concatenate(found)


def chosen_path(model: file.Model, path: str | None) -> str:
    """The path by which a model answers; the first that it has unless one is given.

    Raises:
        UserError: it has no such path.
    """
    has = PATHS[1:] if model.card["stage"] == "supervised" else PATHS
    if path is not None and path not in has:
        raise UserError(f"path {path!r}: this model has {' and '.join(has)}")
    return path or has[0]


def _fit(shape: tuple[int, ...], size: int) -> Float[np.ndarray, "2 3"]:
    """Scales a whole picture into the aligned square, its middle to the middle."""
    height, width = shape[:2]
    scale = size / max(height, width)
    shift = (size - 1) / 2 - scale * (np.array([width, height]) - 1) / 2
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
