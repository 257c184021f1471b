"""A model on a whole split: probabilities by path, scores, landmark error."""

import dataclasses
from collections.abc import Callable

import jax
import numpy as np

from au_jax.data import pipeline
from au_jax.data.split import FaceSplit
from au_jax.errors import UserError
from au_jax.evaluation import metrics
from au_jax.runtime import devices
from au_jax.stages import pixels
from au_jax.types import PredictFn, Prediction, Variables
from au_jax.workdir.thresholds import Thresholds


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """One domain: AU scores by path, and the landmark error."""

    scores: dict[str, metrics.AuScores]
    """By path: "direct" AU(E_f(I)), "reconstructed" AU(G_st(A, B))."""
    landmark_error: float | None
    """Mean point distance in percent of the eye distance; None: no landmarks found."""
    calibrated: metrics.AuScores | None = None
    """At thresholds chosen for one path, of that path; None where there are none."""

    def means(self) -> dict[str, float]:
        """The values of a log line, by "path_metric"."""
        values = {
            f"{path}_{metric}": scores.mean(metric)
            for path, scores in self.scores.items()
            for metric in ("f1", "average_precision", "auc", "accuracy")
        }
        if self.landmark_error is not None:
            values["landmark_error"] = self.landmark_error
        return values


def compile_predict(mesh: jax.sharding.Mesh, predict: PredictFn) -> PredictFn:
    """Prediction on bytes, spread over the mesh; its results are on every device."""
    return jax.jit(
        pixels.predict_on_pixels(predict), out_shardings=devices.replicated(mesh)
    )


@dataclasses.dataclass(frozen=True)
class Found:
    """What a model says of every image of a split, and its labels."""

    probabilities: dict[str, np.ndarray]
    """(images, AUs) by path."""
    aus: np.ndarray
    known: np.ndarray
    landmark_errors: np.ndarray | None
    """Of each image, in percent of the eye distance."""


def predict_split(
    predict: PredictFn,
    variables: Variables,
    split: FaceSplit,
    mesh: jax.sharding.Mesh,
    crop: int,
    batch_size: int,
    pause: Callable[[], None] = lambda: None,
) -> Found:
    """Every image of `split` once, centre crop (method.md section 7).

    `pause` is called before each batch; what it raises ends the evaluation.
    """
    found: dict[str, list[np.ndarray]] = {}
    errors, aus, known = [], [], []
    for batch in pipeline.make_eval(split, crop=crop, batch_size=batch_size):
        pause()
        image = devices.place_images(mesh, np.asarray(batch["image"]))
        prediction = jax.device_get(predict(variables, image))
        valid = batch["valid"]
        check_finite(prediction, split)
        for path, probabilities in prediction.aus.items():
            found.setdefault(path, []).append(probabilities[valid])
        if prediction.landmarks is not None:
            true = np.asarray(batch["landmarks"])[valid]
            errors.append(metrics.landmark_errors(prediction.landmarks[valid], true))
        aus.append(batch["aus"][valid])
        known.append(batch["aus_known"][valid])
    return Found(
        {path: np.concatenate(parts) for path, parts in found.items()},
        np.concatenate(aus),
        np.concatenate(known),
        np.concatenate(errors) if errors else None,
    )


def check_finite(prediction: Prediction, split: FaceSplit) -> None:
    """Raises a `UserError` where a model answers with NaN, which nothing can score."""
    found = {**prediction.aus, "landmarks": prediction.landmarks}
    for name, values in found.items():
        if values is not None and not np.isfinite(values).all():
            raise UserError(
                f"the model's {name} output is not finite for split {split.split!r} of"
                f" {split.directory}: its parameters have grown too large; begin in"
                " another --workdir with a lower learning rate"
            )


def evaluate(
    predict: PredictFn,
    variables: Variables,
    split: FaceSplit,
    *,
    mesh: jax.sharding.Mesh,
    crop: int,
    batch_size: int,
    pause: Callable[[], None] = lambda: None,
    calibrated: Thresholds | None = None,
) -> Evaluation:
    """Scores of a split; the arguments are those of `predict_split`.

    With `calibrated` thresholds of this model, also the scores at these.
    """
    found = predict_split(predict, variables, split, mesh, crop, batch_size, pause)
    scores = {
        path: metrics.score(values, found.aus, found.known)
        for path, values in found.probabilities.items()
    }
    errors = found.landmark_errors
    at_thresholds = None
    if calibrated is not None:
        values = found.probabilities[calibrated.path]
        at_thresholds = metrics.score(values, found.aus, found.known, calibrated.values)
    error = None if errors is None else float(errors.mean())
    return Evaluation(scores, error, at_thresholds)


def selection_score(domain: str, evaluation: Evaluation) -> float:
    """What the best checkpoint of a domain is chosen by; higher is better.

    Mean F1 on validation (method.md section 5): of the path that the domain is tested
    by, the reconstructed one for the target if the model has it. F1 at .5 is zero for
    long in short trainings, so average precision decides where it ties. A model
    without AUs is chosen by its landmarks.
    """
    if not evaluation.scores:
        assert evaluation.landmark_error is not None
        return -evaluation.landmark_error
    path = "direct"
    if domain == "target" and "reconstructed" in evaluation.scores:
        path = "reconstructed"
    scores = evaluation.scores[path]
    return scores.mean("f1") + 1e-6 * np.nan_to_num(scores.mean("average_precision"))
