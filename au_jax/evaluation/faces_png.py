"""faces.png: a few test faces with true and predicted landmarks and AUs."""

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from au_jax.data import pipeline
from au_jax.data.split import FaceSplit, open_split
from au_jax.evaluation.inference import LoadedModel, load_best, predict_images
from au_jax.evaluation.metrics import THRESHOLD, decide
from au_jax.faces import drawing
from au_jax.runtime.files import write_whole
from au_jax.types import Config, EvalBatch, Prediction

COLUMNS = 6
"""Faces of each domain, in one row."""
SIDE = 240
"""Pixels of a face in the picture."""
PREDICTED = (255, 160, 0)
"""Colour of predicted landmarks, RGB; true ones are green."""


def write(
    config: Config,
    workdir: Path,
    split: str,
    stages: Mapping[str, str],
    path: Path,
    faces: str | None = None,
) -> None:
    """Draw faces of each domain into a picture.

    Args:
        config: The config of the run.
        workdir: The work directory of the run.
        split: The split of both data sets.
        stages: The stage whose best checkpoint answers for each domain.
        path: The PNG file to write.
        faces: "show", "blur" or "none"; None hides the faces of licensed data sets,
            so that only their landmarks are drawn.

    Raises:
        UserError: `faces` is something else.
    """
    rows = []
    for domain in stages:
        name = config.data[domain]
        data = open_split(config.data.data_dir, name, split, tuple(config.data.aus))
        model = load_best(workdir, config, stages[domain], domain)
        show = drawing.choose(faces, data.licensed)
        hidden = "" if show == "show" else f" (--faces={show})"
        rows += [
            _title(f"{domain}: {name}, {split}{hidden}"),
            _row(model, data, show),
        ]
    width = max(row.shape[1] for row in rows)
    padded = [
        np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255)
        for row in rows
    ]
    _, png = cv2.imencode(".png", np.concatenate(padded)[..., ::-1])
    write_whole(path, png.tobytes())


def _row(
    model: LoadedModel, data: FaceSplit, show: drawing.Show
) -> UInt8[np.ndarray, "h w 3"]:
    """The faces of one domain, side by side."""
    predictor = model.predictor
    # Spread over the split: neighbours are often frames of one sequence.
    spread = np.linspace(0, len(data) - 1, COLUMNS + 2).astype(int)[1:-1]
    batches = pipeline.make_eval(
        data,
        crop=predictor.crop,
        batch_size=predictor.batch_size,
        indices=sorted(set(spread.tolist())),
    )
    cells = []
    for batch in batches:
        faces = np.asarray(batch["image"]), np.asarray(batch["landmarks"])
        prediction = predict_images(predictor, model.variables, *faces)
        for i in np.flatnonzero(batch["valid"]).tolist():
            cells.append(_cell(batch, prediction, i, data.aus, show))
    return drawing.grid(cells, len(cells))


def _cell(
    batch: EvalBatch,
    prediction: Prediction,
    index: int,
    aus: tuple[int, ...],
    show: drawing.Show,
) -> UInt8[np.ndarray, "h s 3"]:
    """One face with its landmarks, and below it the true and the predicted AUs."""
    face = np.asarray(batch["image"][index])
    predicted = None
    if prediction.landmarks is not None:
        predicted = np.asarray(prediction.landmarks[index])
    picture = draw(face, np.asarray(batch["landmarks"][index]), predicted, show, SIDE)
    known = np.asarray(batch["aus_known"][index])
    active = known & (np.asarray(batch["aus"][index]) > 0)
    lines = [f"true  {_names(aus, active)}" if known.any() else "no labels"]
    for path, probabilities in prediction.aus.items():
        decisions = decide(np.asarray(probabilities[index]), [THRESHOLD] * len(aus))
        lines.append(f"{path}  {_names(aus, decisions)}")
    return np.concatenate([picture, *(drawing.text_line(x, SIDE) for x in lines)])


def draw(
    face: UInt8[np.ndarray, "h w 3"],
    true: Float[np.ndarray, "49 2"],
    predicted: Float[np.ndarray, "49 2"] | None,
    show: drawing.Show,
    side: int,
) -> UInt8[np.ndarray, "s s 3"]:
    """Draw a face with its true landmarks, and the predicted ones over them.

    Args:
        face: RGB, a square.
        true: x, y in units of its side.
        predicted: Likewise; None without a landmark branch.
        show: How to show the face.
        side: Side of the result in pixels.
    """
    picture = drawing.draw_face(face, true * len(face), None, show, side)
    if predicted is not None:
        for x, y in predicted * side:
            centre = round(float(x) * 16), round(float(y) * 16)
            cv2.circle(picture, centre, 2 * 16, PREDICTED, -1, cv2.LINE_AA, 4)
    return picture


def _names(aus: tuple[int, ...], active: np.ndarray) -> str:
    """The active AUs in words."""
    numbers = [str(au) for au, is_active in zip(aus, active, strict=True) if is_active]
    return "AU " + " ".join(numbers) if numbers else "none"


def _title(text: str) -> UInt8[np.ndarray, "h w 3"]:
    line = np.full((34, COLUMNS * SIDE, 3), 255, np.uint8)
    origin, font = (6, 24), cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(line, text, origin, font, 0.6, (20, 20, 20), 1, cv2.LINE_AA)
    return line
