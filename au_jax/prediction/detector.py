"""The Python interface: pictures in, faces and their action units out.

    from au_jax import Detector

    faces = Detector()([picture])[0]  # or Detector("model.aujax")

A `Detector` composes a `FaceFinder`, a `Cropper` and a `Network`.
"""

import dataclasses
import functools
import os
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np
from jaxtyping import Bool, Float, UInt8

from au_jax.errors import UserError
from au_jax.evaluation import metrics
from au_jax.evaluation.metrics import THRESHOLD, decide
from au_jax.faces.detect import LandmarksBy, check_method
from au_jax.faces.finder import Face, FaceFinder, whole_face
from au_jax.faces.landmarks import NUM_LANDMARKS
from au_jax.model_file import card as cards
from au_jax.model_file import file as model_file
from au_jax.model_file.programs import predict_aus
from au_jax.prediction.crop import Crop, Cropper

BATCHES = {"cpu": 4, "gpu": 16}
"""Crops per call of the network, by JAX's name of the kind of device.

It is constant on a machine, so that every face goes through the same XLA program, and
no result depends on how many faces are predicted together. More crops per call make a
CPU no faster, and would keep a single face waiting.
"""


@dataclasses.dataclass(frozen=True)
class FaceAus:
    """One face and its action units."""

    face: Face
    aus: tuple[int, ...]
    """The numbers of the AUs, in the order of the arrays below."""
    probabilities: Float[np.ndarray, "a"]
    """0..1."""
    decisions: Bool[np.ndarray, "a"]
    """Whether each AU is active: its probability reaches the model's threshold."""
    intensities: Float[np.ndarray, "a"]
    """0..5, as in FACS; NaN where the model does not know."""


class Network:
    """The compiled networks of a model: crops in, AU probabilities out."""

    def __init__(self, model: model_file.Model, au_path: str):
        """Move the parameters to the device; the first call compiles."""
        predict = jax.jit(predict_aus(model.card, au_path))
        self._predict = functools.partial(predict, jax.device_put(model.variables))
        self._shape, self._num_aus = (model.crop, model.crop, 3), len(model.aus)
        self._batch = BATCHES.get(jax.default_backend(), BATCHES["gpu"])

    def __call__(self, crops: Sequence[Crop]) -> Float[np.ndarray, "n a"]:
        """Return the probabilities of n crops; they travel to the device as bytes."""
        results = [np.zeros((0, self._num_aus), np.float32)]
        for first in range(0, len(crops), self._batch):
            part = crops[first : first + self._batch]
            images = np.zeros((self._batch, *self._shape), np.uint8)
            points = np.zeros((self._batch, NUM_LANDMARKS, 2), np.float32)
            for i, crop in enumerate(part):
                images[i], points[i] = crop
            results.append(np.asarray(self._predict(images, points))[: len(part)])
        return np.concatenate(results)


class Detector:
    """A loaded model, which several threads may share.

    It can be pickled. A process that was forked from the one that made it cannot use
    it, because JAX would wait for threads that a fork does not copy.
    """

    def __init__(
        self,
        model: str | Path | model_file.Model = model_file.SHIPPED,
        path: str | None = None,
        landmarks_by: LandmarksBy | None = None,
    ):
        """Load the model; dlib is loaded when the first face is searched for.

        Args:
            model: A model, or a file that `python -m au_jax.export` wrote; by default,
                the model that comes with au_jax.
            path: Predict AUs from "reconstructed" features (the target's own separated
                features) or from "direct" ones (those of the image itself). None
                selects the path that the model was chosen by.
            landmarks_by: How landmarks are found, "au_jax" or "dlib68"; None selects
                the method of the data that the model was trained on.

        Raises:
            UserError: the file is not a model, the model has no such path, or there is
                no such method.
        """
        if landmarks_by is not None:
            check_method(landmarks_by)
        if not isinstance(model, model_file.Model):
            model = model_file.load(Path(model))
        self.model = model
        self.path = cards.select_au_path(model.card, path)
        thresholds = model.card["thresholds"]
        if model.card.get("thresholds_path") not in ("", None, self.path):
            # They were calibrated on the other path.
            thresholds = [THRESHOLD] * len(thresholds)
        self.thresholds = np.array(thresholds, np.float32)
        self.cropper = Cropper.of_card(model.card, model.crop)
        self._network = Network(model, self.path)
        self.landmarks_by: LandmarksBy = landmarks_by or cards.landmarks_by(model.card)
        self._finder: FaceFinder | None = None
        self._finder_lock = threading.Lock()
        self._process = os.getpid()

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how another process makes it anew: the compiled program stays here."""
        return Detector, (self.model, self.path, self.landmarks_by)

    def usual(self, faces: Literal["all", "neutral"]) -> Float[np.ndarray, "a"]:
        """Return the usual probability of each AU: the median over validation faces.

        Args:
            faces: "all", or for each AU those on which it is inactive.

        Raises:
            UserError: the model does not say.
        """
        levels = self.model.card.get("usual", {})
        if self.path not in levels:
            raise UserError(
                "this model does not say what it usually answers; export it again from"
                " its run, or predict without --baseline"
            )
        return np.array(levels[self.path][faces], np.float32)

    @property
    def finder(self) -> FaceFinder:
        """The face finder; raises a `UserError` if dlib is not installed."""
        with self._finder_lock:
            if self._finder is None:
                self._finder = FaceFinder(self.landmarks_by)
            return self._finder

    def __call__(
        self, images: Iterable[np.ndarray], whole: bool = False
    ) -> list[list[FaceAus]]:
        """Return the faces of each picture, largest first.

        Args:
            images: Each uint8 (height, width, 3), RGB, 0..255; sizes may differ.
            whole: Take each picture for one face that is cut out and aligned already.

        Raises:
            UserError: an item is not a picture; or the model needs landmarks that
                `whole` pictures lack; or this process was forked after the model was
                loaded.
        """
        images = check_pictures(images)
        self._check_process()
        if whole:
            self.check_whole()
        faces = [
            [whole_face(image)] if whole else self.finder.faces(image)
            for image in images
        ]
        crops = [
            self.crop(image, face)
            for image, in_image in zip(images, faces, strict=True)
            for face in in_image
        ]
        rows = iter(self.probabilities(crops))
        return [
            [self.face_aus(face, next(rows)) for face in in_image] for in_image in faces
        ]

    def crop(self, image: UInt8[np.ndarray, "h w 3"], face: Face) -> Crop:
        """Return the crop of a face; without landmarks the face is all of `image`."""
        return self.cropper(image, face)

    def check_whole(self) -> None:
        """Check that the model can do with faces that have no landmarks.

        Raises:
            UserError: it looks at landmarks.
        """
        if cards.sees_landmarks(self.model.card):
            raise UserError(
                "this model looks at landmarks, and a face that is cut out already has"
                " none: let it find the faces in the pictures that they were cut from"
            )

    def probabilities(self, crops: Sequence[Crop]) -> Float[np.ndarray, "n a"]:
        """Return the AU probabilities of n crops that `crop` made.

        Raises:
            UserError: a probability is not a number, or this process was forked.
        """
        self._check_process()
        values = self._network(crops)
        if not np.isfinite(values).all():
            raise UserError("the model gives no numbers: its weights are damaged")
        return values

    def _check_process(self) -> None:
        if os.getpid() != self._process:
            raise UserError(
                "this Detector was made before the process was forked, and would hang:"
                " make the Detector in each process, or use the start method spawn"
            )

    def face_aus(self, face: Face, probabilities: Float[np.ndarray, "a"]) -> FaceAus:
        """Return a face with its probabilities and the decisions on them."""
        decisions = decide(probabilities, self.thresholds)
        strengths = self.intensities(probabilities)
        return FaceAus(face, self.model.aus, probabilities, decisions, strengths)

    def intensities(self, p: Float[np.ndarray, "*b a"]) -> Float[np.ndarray, "*b a"]:
        """Return what probabilities mean as intensities; NaN where it is not known."""
        entry = self.model.card.get("intensity") or {}
        if entry.get("path") != self.path:
            return np.full(p.shape, np.nan)
        knots, curves = entry["probabilities"], entry["intensities"]
        return metrics.intensities(p, knots, curves)


def check_pictures(pictures: Any) -> list[np.ndarray]:
    """Return pictures as a list; check that `Detector` takes them.

    Raises:
        UserError: something is not a picture; the line says what it is.
    """
    takes = (
        "Detector takes a list of pictures, each a uint8 array of shape (height, width,"
        " 3) in RGB, not empty; for one picture give [picture]."
    )
    if not isinstance(pictures, Iterable):
        raise UserError(f"{takes} This is {type(pictures).__name__}")
    pictures = list(pictures)
    for number, picture in enumerate(pictures):
        given = type(picture).__name__
        if isinstance(picture, np.ndarray):
            right = picture.ndim == 3 and picture.shape[2] == 3 and picture.size
            if right and picture.dtype == np.uint8:
                continue
            given = f"{picture.dtype} of shape {picture.shape}"
        raise UserError(f"{takes} Picture {number} is {given}")
    return pictures
