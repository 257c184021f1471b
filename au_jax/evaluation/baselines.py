"""Classical detectors: what a trained network has to beat.

One logistic regression per AU, trained on the labels of the source alone: on the 49
landmarks, and on these and histograms of oriented gradients (HOG, Dalal and Triggs
2005) of the face. They know nothing of the target.
"""

import dataclasses
from collections.abc import Callable

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from au_jax.data.split import FaceSplit
from au_jax.evaluation import metrics
from au_jax.evaluation.metrics import AuScores
from au_jax.faces.landmarks import eye_centres

LANDMARKS, HOG = "landmarks alone", "landmarks and HOG"
NAMES = (LANDMARKS, HOG)

MOST_IMAGES = 20_000
"""Of a training split; of more, equally spaced ones are taken (4,454 numbers each)."""

_SIDE = 96  # pixels of the face that HOG sees
_DISTANCES = 2.6  # eye distances in that side
_EYES = 30  # pixels from its upper edge to the eyes
_CELL, _ORIENTATIONS = 8, 9
_COMPONENTS = 150  # of HOG
_STRENGTH = 0.02  # C: small means strongly regularised

Numbers = Float[np.ndarray, "n c"]
Probabilities = Float[np.ndarray, "n a"]


@dataclasses.dataclass(frozen=True)
class BaselineScores:
    """The scores of a classical detector on one domain."""

    name: str
    """One of `NAMES`."""
    domain: str
    scores: AuScores
    num_trained: int
    """Images that it learned from."""


@dataclasses.dataclass(frozen=True)
class Faces:
    """The features and labels of a split."""

    landmarks: Float[np.ndarray, "n 98"]
    hog: Float[np.ndarray, "n 4356"]
    aus: Float[np.ndarray, "n a"]
    known: Bool[np.ndarray, "n a"]


def score(train: FaceSplit, tests: dict[str, FaceSplit]) -> tuple[BaselineScores, ...]:
    """Train both detectors on a split of the source, and score them on each domain.

    Args:
        train: The training split of the source.
        tests: The splits to score, by domain.
    """
    step = -(-len(train) // MOST_IMAGES)
    faces = read(train, step)
    tested = {domain: read(split) for domain, split in tests.items()}
    results = []
    for name in NAMES:
        detect = fit(name, faces)
        for domain, test in tested.items():
            scores = metrics.score(detect(test), test.aus, test.known)
            results.append(BaselineScores(name, domain, scores, len(faces.aus)))
    return tuple(results)


def read(split: FaceSplit, step: int = 1) -> Faces:
    """Return the features of every `step`-th image of a split."""
    examples = [split[i] for i in range(0, len(split), step)]
    return Faces(
        landmarks=np.stack([shape(x["landmarks"]) for x in examples]),
        hog=np.stack([gradients(x["image"], x["landmarks"]) for x in examples]),
        aus=np.stack([x["aus"] for x in examples]),
        known=np.stack([x["aus_known"] for x in examples]),
    )


def shape(points: Float[np.ndarray, "49 2"]) -> Float[np.ndarray, "98"]:
    """Return landmarks about the middle of the eyes, in eye distances."""
    left, right = eye_centres(points)
    distance = np.linalg.norm(right - left)
    return ((points - (left + right) / 2) / distance).ravel().astype(np.float32)


def gradients(
    image: UInt8[np.ndarray, "h w 3"], points: Float[np.ndarray, "49 2"]
) -> Float[np.ndarray, "4356"]:
    """Return HOG of a square about the eyes.

    It has 9 orientations in cells of 8 pixels, and normalises blocks of 2 x 2 cells.
    """
    left, right = eye_centres(points)
    x, y = (left + right) / 2
    scale = _SIDE / (_DISTANCES * np.linalg.norm(right - left))
    matrix = np.array(
        [[scale, 0, _SIDE / 2 - scale * x], [0, scale, _EYES - scale * y]]
    )
    face = cv2.warpAffine(
        cv2.cvtColor(image, cv2.COLOR_RGB2GRAY),
        matrix,
        (_SIDE, _SIDE),
        flags=cv2.INTER_AREA,
        borderMode=cv2.BORDER_REPLICATE,
    )
    y_slope, x_slope = np.gradient(np.sqrt(face.astype(np.float32)))
    strength = np.hypot(x_slope, y_slope)
    angle = np.arctan2(y_slope, x_slope) % np.pi / np.pi * _ORIENTATIONS
    # Each pixel counts for both neighbouring orientations, in proportion.
    lower, upper_share = np.floor(angle).astype(int), angle % 1
    n = _SIDE // _CELL
    row, column = np.mgrid[:_SIDE, :_SIDE] // _CELL
    cells = np.zeros((n, n, _ORIENTATIONS), np.float32)
    for step, share in ((0, 1 - upper_share), (1, upper_share)):
        at = (row, column, (lower + step) % _ORIENTATIONS)
        np.add.at(cells, at, strength * share)
    corners = [cells[:-1, :-1], cells[1:, :-1], cells[:-1, 1:], cells[1:, 1:]]
    blocks = np.concatenate(corners, axis=2)
    return (blocks / np.sqrt((blocks**2).sum(axis=2, keepdims=True) + 1)).ravel()


def fit(name: str, train: Faces) -> Callable[[Faces], Probabilities]:
    """Train a detector; return a function from features to probabilities."""
    numbers = make_numbers(name, train)
    detect = regress(numbers(train), train.aus, train.known)
    return lambda faces: detect(numbers(faces))


def regress(
    x: Numbers, aus: Float[np.ndarray, "n a"], known: Bool[np.ndarray, "n a"]
) -> Callable[[Numbers], Probabilities]:
    """Train one logistic regression per AU; return a function to probabilities.

    An AU with equal labels, or without any, gets its rate for every image.
    """
    models = []
    for labels, k in zip(aus.T, known.T, strict=True):
        y = labels[k]
        if len(np.unique(y)) == 2:
            model = LogisticRegression(C=_STRENGTH, max_iter=3000).fit(x[k], y)
        else:
            model = float(y.mean()) if len(y) else 0.0
        models.append(model)

    def detect(x: Numbers) -> Probabilities:
        columns = [
            np.full(len(x), model)
            if isinstance(model, float)
            else model.predict_proba(x)[:, 1]
            for model in models
        ]
        return np.stack(columns, axis=1)

    return detect


def make_numbers(name: str, train: Faces) -> Callable[[Faces], Numbers]:
    """Return the function from features to the numbers that a regression sees."""
    scale = StandardScaler().fit(train.landmarks)
    if name == LANDMARKS:
        return lambda faces: np.asarray(scale.transform(faces.landmarks))
    components = min(_COMPONENTS, *train.hog.shape)
    reduce = PCA(components, random_state=0).fit(train.hog)
    # Threefold, so that the first components weigh about as much as the landmarks.
    return lambda faces: np.concatenate(
        [scale.transform(faces.landmarks), 3 * reduce.transform(faces.hog)], axis=1
    )
