"""Classical detectors: what a trained network has to beat.

One logistic regression per AU, trained on the labels of the source alone: on the 49
landmarks; on these and histograms of oriented gradients (HOG, Dalal and Triggs 2005) of
the face; and on the landmarks and HOG of patches about them, which move with the parts
of the face. They know nothing of the target.
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
from au_jax.runtime.console import counted
from au_jax.types import Example

LANDMARKS, HOG = "landmarks alone", "landmarks and HOG"
PATCHES = "landmarks and patches"
NAMES = (LANDMARKS, HOG, PATCHES)

MOST_IMAGES = 20_000
"""Of a training split; of more, equally spaced ones are taken (11,510 numbers each)."""

_DISTANCES = 2.6  # eye distances in the side of the square about the eyes
_EYES = 30 / 96  # of that side, from its upper edge to the eyes
_ORIENTATIONS = 9
_SIDE, _CELL = 96, 8  # pixels of that side, and of a cell, for HOG of the face
_PATCH_SIDE, _PATCH_CELL, _PATCH_CELLS = 128, 6, 4  # and for patches of 4 x 4 cells
# The feature of a detector, how many of its principal components are used, and a factor
# that makes the first ones weigh about as much as the landmarks.
_REDUCED = {HOG: ("hog", 150, 3.0), PATCHES: ("patches", 400, 5.0)}
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
class FaceFeatures:
    """The features and labels of a split."""

    landmarks: Float[np.ndarray, "n 98"]
    hog: Float[np.ndarray, "n 4356"]
    patches: Float[np.ndarray, "n 7056"]
    aus: Float[np.ndarray, "n a"]
    known: Bool[np.ndarray, "n a"]


def score(train: FaceSplit, tests: dict[str, FaceSplit]) -> tuple[BaselineScores, ...]:
    """Train all detectors on a split of the source, and score them on each domain.

    Args:
        train: The training split of the source.
        tests: The splits to score, by domain.
    """
    step = -(-len(train) // MOST_IMAGES)
    faces = read(train, step)
    tested = {domain: read(split) for domain, split in tests.items()}
    results = []
    for name in counted(NAMES, len(NAMES), "classical detectors: training"):
        detect = fit(name, faces)
        for domain, test in tested.items():
            scores = metrics.score(detect(test), test.aus, test.known)
            results.append(BaselineScores(name, domain, scores, len(faces.aus)))
    return tuple(results)


def read(split: FaceSplit, step: int = 1) -> FaceFeatures:
    """Return the features of every `step`-th image of a split."""
    taken = range(0, len(split), step)
    activity = f"classical detectors: reading {split}"
    rows = [_features(split[i]) for i in counted(taken, len(taken), activity)]
    return FaceFeatures(*map(np.stack, zip(*rows, strict=True)))


def _features(example: Example) -> tuple[np.ndarray, ...]:
    """Return the row of an example in each array of `FaceFeatures`."""
    points, image = example["landmarks"], example["image"]
    features = shape(points), gradients(image, points), patches(image, points)
    return *features, example["aus"], example["aus_known"]


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
    face, _ = _square(image, points, _SIDE)
    n = _SIDE // _CELL
    cells = _orientations(face).reshape(n, _CELL, n, _CELL, -1).sum(axis=(1, 3))
    corners = [cells[:-1, :-1], cells[1:, :-1], cells[:-1, 1:], cells[1:, 1:]]
    blocks = np.concatenate(corners, axis=2)
    return (blocks / np.sqrt((blocks**2).sum(axis=2, keepdims=True) + 1)).ravel()


def patches(
    image: UInt8[np.ndarray, "h w 3"], points: Float[np.ndarray, "49 2"]
) -> Float[np.ndarray, "7056"]:
    """Return HOG of a patch about each landmark, each normalised.

    A patch has 4 x 4 cells of 6 pixels; 49 pixels are an eye distance.
    """
    face, at = _square(image, points, _PATCH_SIDE)
    half = _PATCH_CELLS * _PATCH_CELL // 2
    padded = np.pad(_orientations(face), ((half, half), (half, half), (0, 0)))
    # Each pixel gets the sum over the cell whose first pixel it is.
    sums = cv2.boxFilter(
        padded,
        -1,
        (_PATCH_CELL, _PATCH_CELL),
        anchor=(0, 0),
        normalize=False,
        borderType=cv2.BORDER_CONSTANT,
    )
    # In the padded square, a patch begins at the pixel of its landmark.
    first = np.clip(np.rint(at).astype(int), 0, _PATCH_SIDE)
    starts = first[:, :, None] + np.arange(_PATCH_CELLS) * _PATCH_CELL
    cells = sums[starts[:, 1, :, None], starts[:, 0, None, :]].reshape(len(points), -1)
    norm = np.sqrt((cells**2).sum(axis=1, keepdims=True) + 1)
    return (cells / norm).ravel().astype(np.float32)


def _square(
    image: UInt8[np.ndarray, "h w 3"], points: Float[np.ndarray, "49 2"], side: int
) -> tuple[UInt8[np.ndarray, "s s"], Float[np.ndarray, "49 2"]]:
    """Return a grey square about the eyes, and the landmarks in its pixels."""
    left, right = eye_centres(points)
    middle = (left + right) / 2
    scale = side / (_DISTANCES * np.linalg.norm(right - left))
    shift = np.array([side / 2, _EYES * side]) - scale * middle
    face = cv2.warpAffine(
        cv2.cvtColor(image, cv2.COLOR_RGB2GRAY),
        np.array([[scale, 0, shift[0]], [0, scale, shift[1]]]),
        (side, side),
        flags=cv2.INTER_AREA,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return face.astype(np.uint8), scale * points + shift


def _orientations(face: UInt8[np.ndarray, "s s"]) -> Float[np.ndarray, "s s 9"]:
    """Return the strength of each pixel's gradient, by orientation.

    It counts for both neighbouring orientations, in proportion.
    """
    y_slope, x_slope = np.gradient(np.sqrt(face.astype(np.float32)))
    strength = np.hypot(x_slope, y_slope)
    angle = np.arctan2(y_slope, x_slope) % np.pi / np.pi * _ORIENTATIONS
    lower, upper_share = np.floor(angle).astype(int), angle % 1
    result = np.zeros((*face.shape, _ORIENTATIONS), np.float32)
    for step, share in ((0, 1 - upper_share), (1, upper_share)):
        at = ((lower + step) % _ORIENTATIONS)[..., None]
        np.put_along_axis(result, at, (strength * share)[..., None], axis=2)
    return result


def fit(name: str, train: FaceFeatures) -> Callable[[FaceFeatures], Probabilities]:
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


def make_numbers(name: str, train: FaceFeatures) -> Callable[[FaceFeatures], Numbers]:
    """Return the function from features to the numbers that a regression sees."""
    scale = StandardScaler().fit(train.landmarks)
    if name == LANDMARKS:
        return lambda faces: np.asarray(scale.transform(faces.landmarks))
    feature, most, weight = _REDUCED[name]
    x = getattr(train, feature)
    reduce = PCA(min(most, *x.shape), random_state=0).fit(x)

    def numbers(faces: FaceFeatures) -> Numbers:
        components = weight * reduce.transform(getattr(faces, feature))
        return np.concatenate([scale.transform(faces.landmarks), components], axis=1)

    return numbers
