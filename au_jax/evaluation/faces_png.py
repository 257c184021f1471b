"""faces.png: a few test faces, with what is true of them and what the model found."""

from collections.abc import Mapping
from pathlib import Path

import cv2
import jax
import numpy as np
from jaxtyping import Float, UInt8

from au_jax.data import pipeline
from au_jax.data import split as source
from au_jax.evaluation import inference
from au_jax.faces import drawing
from au_jax.runtime import devices
from au_jax.stages import STAGES
from au_jax.types import DOMAINS, Config, Prediction, Variables
from au_jax.workdir.networks import best_networks

COLUMNS = 6  # faces of each domain, in a row
SIDE = 240  # pixels
FOUND = (255, 160, 0)  # RGB of the landmarks found; the true ones are green


def write(
    config: Config,
    workdir: Path,
    split: str,
    stages: Mapping[str, str],
    asked: str | None = None,
) -> Path:
    """Draws faces of both domains from a split into `workdir / "faces.png"`.

    Args:
        config: of the run.
        workdir: of the run.
        split: of both data sets.
        stages: whose networks answer for each domain.
        asked: show, blur or none; unless given, the faces of licensed data sets are
            left out, and only their landmarks are shown.

    Raises:
        UserError: `asked` is something else.
    """
    rows = []
    for domain in DOMAINS:
        name = config.data[domain]
        data = source.open_split(
            config.data.data_dir, name, split, tuple(config.data.aus)
        )
        show = drawing.choose(asked, name)
        hidden = "" if show == "show" else f" (--faces={show})"
        rows += [
            _title(f"{domain}: {name}, {split}{hidden}"),
            _row(config, workdir, domain, stages[domain], data, show),
        ]
    width = max(row.shape[1] for row in rows)
    padded = [
        np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255)
        for row in rows
    ]
    path = workdir / "faces.png"
    cv2.imwrite(str(path), np.concatenate(padded)[..., ::-1])
    return path


def _row(
    config: Config,
    workdir: Path,
    domain: str,
    stage: str,
    data: source.FaceSplit,
    show: drawing.Show,
) -> UInt8[np.ndarray, "h w 3"]:
    mesh = devices.make_mesh()
    *networks, _ = best_networks(stage, domain, config, workdir)
    variables = jax.device_put(Variables(*networks), devices.replicated(mesh))
    predict = inference.compile_predict(mesh, STAGES[stage].make_predict(config))
    # Evenly over the split: neighbours are often frames of one sequence.
    chosen = set(np.linspace(0, len(data) - 1, COLUMNS + 2).astype(int)[1:-1].tolist())
    crop, size = config.data.crop, config.eval.batch_size
    faces = []
    for number, batch in enumerate(
        pipeline.make_eval(data, crop=crop, batch_size=size)
    ):
        wanted = [i for i in range(size) if number * size + i in chosen]
        if not wanted:
            continue
        image = devices.place_images(mesh, np.asarray(batch["image"]))
        found = jax.device_get(predict(variables, image))
        for i in wanted:
            face = np.asarray(batch["image"][i])
            picture = _face(face, np.asarray(batch["landmarks"][i]), found, i, show)
            known = batch["aus_known"][i]
            true = [
                au
                for j, au in enumerate(data.aus)
                if known[j] and batch["aus"][i][j] > 0
            ]
            lines = [f"true  {_numbers(true)}" if known.any() else "no labels"]
            lines += _found(found, i, data.aus)
            faces.append(
                np.concatenate([picture, *(drawing.text_line(t, SIDE) for t in lines)])
            )
    return drawing.grid(faces, len(faces))


def _face(
    face: UInt8[np.ndarray, "h w 3"],
    true: Float[np.ndarray, "49 2"],
    found: Prediction,
    index: int,
    show: drawing.Show,
) -> UInt8[np.ndarray, "s s 3"]:
    """The face with its true landmarks, and the found ones over them."""
    picture = drawing.draw_face(face, true * len(face), None, show, SIDE)
    if found.landmarks is not None:
        for x, y in np.asarray(found.landmarks[index]) * SIDE:
            centre = round(float(x) * 16), round(float(y) * 16)
            cv2.circle(picture, centre, 2 * 16, FOUND, -1, cv2.LINE_AA, 4)
    return picture


def _found(found: Prediction, index: int, aus: tuple[int, ...]) -> list[str]:
    """What the model answers, by path: the AUs with a probability of .5 or more."""
    lines = []
    for path, of in found.aus.items():
        active = [au for au, p in zip(aus, of[index], strict=True) if p >= 0.5]
        lines.append(f"{path}  {_numbers(active)}")
    return lines


def _numbers(aus: list[int]) -> str:
    return "AU " + " ".join(map(str, aus)) if aus else "none"


def _title(text: str) -> UInt8[np.ndarray, "h w 3"]:
    line = np.full((34, COLUMNS * SIDE, 3), 255, np.uint8)
    at, font = (6, 24), cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(line, text, at, font, 0.6, (20, 20, 20), 1, cv2.LINE_AA)
    return line
