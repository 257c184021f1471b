"""Fit `faces/cascade.npz`, which is committed: a face to its 49 landmarks.

    python -m au_jax.rendering.fit_landmarks --photos=FOLDER --workdir=DIR

1. Thousands of people are rendered, with heads turned further and mouths opened wider
   than in the data sets. Each step of the cascade is a ridge regression of reduced
   rank.
2. Conventions differ in where, say, the end of a brow is. So that the points are those
   that users of dlib know, the median distance of each point from dlib's on the
   photographs in FOLDER (49 vectors) is measured, and the cascade is fitted again to
   points that are shifted by it. Nothing else is taken from dlib's 68 points.
3. The photographs, which need no labels, are given other expressions, so that the
   cascade sees real skin: where each point was is the median of its own answers, and
   how it moves is known. It is fitted to these and to the rendered people.

It takes half an hour of two cores; run the same command again to resume.
"""

import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from absl import app, flags
from jaxtyping import Float

from au_jax.errors import UserError, run_program
from au_jax.faces import cascade as cascades
from au_jax.faces.cascade import Cascade, Step
from au_jax.faces.landmarks import MIRROR, NUM_LANDMARKS, eye_distance
from au_jax.media.formats import is_picture
from au_jax.rendering import landmark_examples as examples
from au_jax.rendering.landmark_examples import Points, Squares
from au_jax.runtime import command_line

PHOTOS = flags.DEFINE_string("photos", None, "A folder of photographs of faces.")
WORKDIR = flags.DEFINE_string("workdir", None, "The folder for what is rendered.")
PEOPLE = flags.DEFINE_integer(
    "people", 2000, "The number of people to render.", lower_bound=1
)

STEPS = ((12, 10.0), (8, 7.0), (6, 5.0))  # the cells of each step and their spacing
RIDGE = 0.5  # times the mean variance of a histogram value
RANK = 32
ROWS = 4096  # that are multiplied at a time

Shift = Float[np.ndarray, "49 2"]


def main(argv: list[str]) -> None:
    """Fit, and write the file after each of the steps 2 and 3."""
    del argv
    workdir, folder = Path(WORKDIR.value or ""), Path(PHOTOS.value or "")
    try:
        workdir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write to --workdir={workdir}: {error}") from None
    photos = sorted(filter(is_picture, folder.rglob("*")))
    seen, wanted = examples.photographs(photos)
    if len(seen) < 50:
        raise UserError(f"--photos={folder}: faces in {len(seen)}, and 50 are needed")
    squares, points = examples.rendered(workdir, PEOPLE.value or 1)
    print(f"{len(squares)} rendered squares, {len(seen)} photographs")
    first = fit(squares, points, np.zeros((NUM_LANDMARKS, 2)))
    shift = convention(np.stack([first.in_square(s) for s in seen]), wanted)
    points = points + shift * eye_distance(points)[:, None, None]
    write(fit(squares, points, shift), seen, wanted)
    others, their_points = examples.moved(workdir, photos)
    print(f"{len(others)} squares of photographs that were moved")
    squares = np.concatenate([squares, others])
    points = np.concatenate([points, their_points])
    write(fit(squares, points, shift), seen, wanted)


def write(cascade: Cascade, seen: Squares, wanted: Points) -> None:
    """Write the file, and print how far it is from dlib on the photographs."""
    cascades.save(cascade)
    cascades.load.cache_clear()
    found = np.stack([cascades.load().in_square(square) for square in seen])
    apart = 100 * errors(found, wanted)
    print(
        f"wrote {cascades.FILE}: on the photographs {apart.mean():.2f} % of the eye"
        f" distance from dlib; {100 * (apart > 15).mean():.1f} % of them above 15 %"
    )


def fit(squares: Squares, points: Points, shift: Shift) -> Cascade:
    """Fit a cascade to faces and their landmarks, both in squares.

    Args:
        squares: The faces.
        points: Their landmarks.
        shift: The part of the landmarks that is convention, which the cascade states.
    """
    both = np.concatenate([squares, squares[:, :, ::-1]])
    opposite = points[:, MIRROR] * (-1, 1) + (cascades.SIDE - 1, 0)
    target = np.concatenate([points, opposite]).astype(np.float32)
    mean = target.mean(axis=0)
    at = np.repeat(mean[None], len(target), axis=0)
    steps = []
    for cell, spacing in STEPS:
        seen = _patches(both, at, cell, spacing)
        step = _regress(seen, (target - at).reshape(len(at), -1), cell, spacing)
        for rows in _slices(len(at)):
            moved = seen[rows].astype(np.float32) @ step.inner @ step.outer + step.bias
            at[rows] += moved.reshape(-1, *mean.shape)
        steps.append(step)
        left = 100 * errors(at, target).mean()
        print(f"cells of {cell} pixels: {left:.2f} % of the eye distance are left")
    return Cascade(mean, tuple(steps), shift.astype(np.float32))


def convention(found: Points, wanted: Points) -> Shift:
    """Return the median distance of each point from ours to theirs, in eye distances.

    The faces are level, and a face and its mirror image count alike.
    """
    apart = (wanted - found) / eye_distance(wanted)[:, None, None]
    median = np.median(apart, axis=0)
    return (median + median[MIRROR] * (-1, 1)) / 2


def errors(found: Points, true: Points) -> Float[np.ndarray, "n"]:
    """Return the mean distance of each face's points, in eye distances."""
    return np.linalg.norm(found - true, axis=2).mean(axis=1) / eye_distance(true)


def _patches(
    squares: Squares, points: Points, cell: int, spacing: float
) -> Float[np.ndarray, "n s"]:
    seen = np.empty((len(squares), cascades.SIZE), np.float16)
    for i, square in enumerate(squares):
        by_orientation = cascades.orientations(np.ascontiguousarray(square))
        seen[i] = cascades.patches(by_orientation, points[i], cell, spacing)
    return seen


def _regress(
    seen: Float[np.ndarray, "n s"],
    target: Float[np.ndarray, "n 98"],
    cell: int,
    spacing: float,
) -> Step:
    """Fit a ridge regression, and keep the directions that move the points most."""
    centre = seen.mean(axis=0, dtype=np.float64).astype(np.float32)
    bias = target.mean(axis=0)
    size = seen.shape[1]
    square = np.zeros((size, size), np.float32)
    cross = np.zeros((size, target.shape[1]), np.float32)
    for rows in _slices(len(seen)):
        centred = seen[rows].astype(np.float32) - centre
        square += centred.T @ centred
        cross += centred.T @ (target[rows] - bias)
    square[np.diag_indices(size)] += RIDGE * np.trace(square) / size
    weights = np.linalg.solve(square, cross)
    spread = np.zeros((target.shape[1],) * 2, np.float32)
    for rows in _slices(len(seen)):
        moved = (seen[rows].astype(np.float32) - centre) @ weights
        spread += moved.T @ moved
    _, directions = np.linalg.eigh(spread)
    outer = directions[:, ::-1][:, :RANK].T
    inner = (weights @ outer.T).astype(np.float16).astype(np.float32)
    return Step(cell, spacing, inner, outer, bias - centre @ inner @ outer)


def _slices(length: int) -> Iterator[slice]:
    return (slice(i, i + ROWS) for i in range(0, length, ROWS))


if __name__ == "__main__":
    parse = functools.partial(command_line.parse, required=("photos", "workdir"))
    run_program(lambda: app.run(main, flags_parser=parse))
