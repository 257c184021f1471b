"""A model on a whole split: probabilities by path, scores, landmark error."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import jax
import numpy as np
from jaxtyping import Bool, Float, UInt8

from au_jax.data import pipeline
from au_jax.data.degradation import Change
from au_jax.data.split import FaceSplit, labels
from au_jax.data.transforms import normalise
from au_jax.errors import UserError
from au_jax.evaluation import metrics
from au_jax.faces.landmarks import NUM_LANDMARKS
from au_jax.runtime import console, devices
from au_jax.stages import STAGES
from au_jax.types import (
    Array,
    Config,
    EvalBatch,
    PredictFn,
    Prediction,
    Variables,
)
from au_jax.workdir.best_networks import best_networks
from au_jax.workdir.target_path import BEST, best_path, rank
from au_jax.workdir.thresholds import Thresholds


@dataclasses.dataclass(frozen=True)
class Predictor:
    """The compiled prediction of a stage, and the batches that it takes."""

    predict: PredictFn
    """Takes images as bytes, and landmarks; its results are whole on every device."""
    mesh: jax.sharding.Mesh
    crop: int
    """Side of the images in pixels."""
    batch_size: int
    """Images per batch, over all processes."""


@dataclasses.dataclass(frozen=True)
class LoadedModel:
    """The best checkpoint of a stage, placed on the devices, ready to predict."""

    stage: str
    step: int
    variables: Variables
    predictor: Predictor


@dataclasses.dataclass(frozen=True)
class SplitPredictions:
    """The answers of a model for every image of a split, beside the labels."""

    probabilities: dict[str, Float[np.ndarray, "n a"]]
    """By path."""
    aus: Float[np.ndarray, "n a"]
    known: Bool[np.ndarray, "n a"]
    landmark_errors: Float[np.ndarray, "n"] | None
    """Per image, in percent of the eye distance; None if no landmarks are predicted."""


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The scores of a model on one domain."""

    scores: dict[str, metrics.AuScores]
    """By path: "direct" is AU(E_f(I)), "reconstructed" is AU(G_st(A, B))."""
    landmark_error: float | None
    """Mean point distance in percent of the eye distance; None without landmarks."""
    calibrated: metrics.AuScores | None = None
    """The scores of one path at thresholds chosen for it, if there are any."""

    def means(self) -> dict[str, float]:
        """The values of a log line, by "PATH_METRIC"."""
        values = {
            f"{path}_{metric}": scores.mean(metric)
            for path, scores in self.scores.items()
            for metric in ("f1", "average_precision", "auc", "accuracy")
        }
        if self.landmark_error is not None:
            values["landmark_error"] = self.landmark_error
        return values


def make_predictor(stage: str, config: Config, mesh: jax.sharding.Mesh) -> Predictor:
    """Compile the prediction of a stage, spread over the devices of a mesh.

    The batch size is the config's, rounded up to a multiple of the devices.
    """
    predict = STAGES[stage].make_predict(config)

    def predict_on_bytes(
        variables: Variables,
        image: UInt8[Array, "b h w 3"],
        landmarks: Float[Array, "b 49 2"],
    ) -> Prediction:
        return predict(variables, normalise(image), landmarks)

    compiled = jax.jit(predict_on_bytes, out_shardings=devices.replicated(mesh))
    size = -(-config.eval.batch_size // mesh.size) * mesh.size
    return Predictor(compiled, mesh, config.data.crop, size)


def load_best(workdir: Path, config: Config, stage: str, rule: str) -> LoadedModel:
    """Load the checkpoint of a stage that scored best by a rule of `RULES`.

    Raises:
        UserError: no checkpoint of the stage has been validated.
    """
    mesh = devices.make_mesh()
    variables, step = best_networks(stage, rule, config, workdir)
    placed = jax.device_put(variables, devices.replicated(mesh))
    return LoadedModel(stage, step, placed, make_predictor(stage, config, mesh))


def predict_images(
    predictor: Predictor,
    variables: Variables,
    image: UInt8[np.ndarray, "b h w 3"],
    landmarks: Float[np.ndarray, "b 49 2"],
) -> Prediction:
    """Predict a batch of images and their landmarks; the results are on the host.

    With several processes, each gives its rows, and gets the answers for all.
    """
    placed = (devices.divide(predictor.mesh, x) for x in (image, landmarks))
    return jax.device_get(predictor.predict(variables, *placed))


def predict_split(
    predictor: Predictor,
    variables: Variables,
    split: FaceSplit,
    pause: Callable[[], None] = lambda: None,
    change: Change | None = None,
    activity: str = "",
) -> SplitPredictions:
    """Predict every image of a split once, centre crop (method.md section 7).

    Each process reads its share of the images, and returns the answers for all.

    Args:
        predictor: The compiled prediction.
        variables: The networks.
        split: The images.
        pause: Called before each batch; an exception that it raises ends the loop.
        change: Changes each image first.
        activity: Says what is done, in a display of the progress; without it, there is
            none.

    Raises:
        UserError: an answer is not finite.
    """
    if not _answers(predictor, variables):
        return SplitPredictions({}, *labels(split), None)
    batches = pipeline.make_eval(
        split,
        crop=predictor.crop,
        batch_size=predictor.batch_size,
        change=change,
        process_index=jax.process_index(),
        process_count=jax.process_count(),
    )
    if activity:
        number = -(-len(split) // predictor.batch_size)
        batches = console.counted(batches, number, activity)
    probabilities: dict[str, list[np.ndarray]] = {}
    errors, aus, known = [], [], []
    for waiting in _begun(predictor, variables, batches, pause):
        prediction, batch = jax.device_get(waiting)
        valid = batch["valid"]
        check_finite(prediction, split)
        for path, of_batch in prediction.aus.items():
            probabilities.setdefault(path, []).append(np.asarray(of_batch)[valid])
        if prediction.landmarks is not None:
            true = batch["landmarks"][valid]
            predicted = np.asarray(prediction.landmarks)[valid]
            errors.append(metrics.landmark_errors(predicted, true))
        aus.append(batch["aus"][valid])
        known.append(batch["aus_known"][valid])
    return SplitPredictions(
        {path: np.concatenate(parts) for path, parts in probabilities.items()},
        np.concatenate(aus),
        np.concatenate(known),
        np.concatenate(errors) if errors else None,
    )


def _begun(
    predictor: Predictor,
    variables: Variables,
    batches: Iterable[EvalBatch],
    pause: Callable[[], None],
) -> Iterator[tuple[Prediction, Mapping[str, Array]]]:
    """Yield answers and labels when the next batch has begun, so that no device waits.

    Each process gives its rows, and gets those of all.
    """
    last = None
    for batch in batches:
        pause()
        placed = {
            key: devices.divide(predictor.mesh, np.asarray(rows))
            for key, rows in batch.items()
        }
        image = placed.pop("image")
        answers = predictor.predict(variables, image, placed["landmarks"])
        new = answers, devices.gather(predictor.mesh, placed)
        if last is not None:
            yield last
        last = new
    if last is not None:
        yield last


def _answers(predictor: Predictor, variables: Variables) -> bool:
    """Return whether a model answers anything about a face: an embedding does not."""
    faces = (
        jax.ShapeDtypeStruct((1, predictor.crop, predictor.crop, 3), np.uint8),
        jax.ShapeDtypeStruct((1, NUM_LANDMARKS, 2), np.float32),
    )
    return bool(jax.tree.leaves(jax.eval_shape(predictor.predict, variables, *faces)))


def check_finite(prediction: Prediction, split: FaceSplit) -> None:
    """Check that a model's answers are finite, because NaN cannot be scored.

    Raises:
        UserError: they are not.
    """
    outputs = {**prediction.aus, "landmarks": prediction.landmarks}
    for name, values in outputs.items():
        if values is not None and not np.isfinite(values).all():
            raise UserError(
                f"the model's {name} output is not finite for {split}: its"
                " parameters have diverged; train in another --workdir with a lower"
                " learning rate"
            )


def score_predictions(
    predictions: SplitPredictions, thresholds: Thresholds | None = None
) -> Evaluation:
    """Score the answers of a model for a split.

    With thresholds of this model, their path is scored at them, too.
    """
    aus, known = predictions.aus, predictions.known
    scores = {
        path: metrics.score(probabilities, aus, known)
        for path, probabilities in predictions.probabilities.items()
    }
    calibrated = None
    if thresholds is not None:
        probabilities = predictions.probabilities[thresholds.path]
        calibrated = metrics.score(probabilities, aus, known, thresholds.values)
    errors = predictions.landmark_errors
    error = None if errors is None else float(errors.mean())
    return Evaluation(scores, error, calibrated)


def selection_score(domain: str, evaluation: Evaluation, target_path: str) -> float:
    """The score by which the best checkpoint of a domain is chosen; higher is better.

    It is the `rank` on validation (method.md section 5) of the path that answers for
    the domain: "direct" for the source, `target_path` for the target, if the model has
    it. A model without AUs is chosen by its landmark error, if it finds landmarks.
    """
    if not evaluation.scores:
        error = evaluation.landmark_error
        return math.nan if error is None else -error
    ranks = {
        path: rank(scores.mean("f1"), scores.mean("average_precision"))
        for path, scores in evaluation.scores.items()
    }
    if domain == "source" or len(ranks) == 1:
        return ranks["direct"]
    return ranks[best_path(ranks) if target_path == BEST else target_path]
