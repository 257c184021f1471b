"""Faces with known landmarks, as `fit_landmarks.py` needs them: squares and points."""

import concurrent.futures
import dataclasses
import functools
import hashlib
import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from au_jax.faces import cascade as cascades
from au_jax.faces import detect
from au_jax.faces.align import align_landmarks
from au_jax.faces.landmarks import MIRROR, eye_distance
from au_jax.media.images import UnusableImage, read_image
from au_jax.rendering import brows, driven, head, lens, portrait, reenactment, scenes
from au_jax.rendering import camera as cameras
from au_jax.rendering.expression import AUS, Expression, draw_sequence
from au_jax.rendering.person import Person, draw_person
from au_jax.rendering.scenes import Photo
from au_jax.runtime import workers
from au_jax.runtime.files import replacing

PICTURES = 4  # of each rendered person
MOVED = 7  # pictures of each photograph
SQUARES = 2  # of each of those
PIECE = 40  # people or photographs in one file

# The standard deviations of yaw, pitch and roll in degrees: most people, and a third.
USUAL, FAR = (13.0, 7.0, 8.0), (20.0, 9.0, 9.0)

# The error of dlib's box and five points, relative to the size of the five points.
TURN, SCALE, SHIFT, NOISE = 6.0, 0.07, 0.08, 0.03
GUESSES = 10  # whose median is the landmarks of a photograph

Squares = UInt8[np.ndarray, "n 112 112"]
Points = Float[np.ndarray, "n 49 2"]
Found = Iterator[tuple[UInt8[np.ndarray, "112 112"], Float[np.ndarray, "49 2"]]]


def rendered(workdir: Path, people: int) -> tuple[Squares, Points]:
    """Return rendered people, made on all cores; files of earlier runs are reused."""
    pieces = [range(i, min(i + PIECE, people)) for i in range(0, people, PIECE)]
    names = [f"people_{piece.start}_{piece.stop}.npz" for piece in pieces]
    return _gather(_of_people, pieces, [workdir / name for name in names])


def moved(workdir: Path, photos: Sequence[Path]) -> tuple[Squares, Points]:
    """Return photographs that were given other expressions.

    Their landmarks before are the present cascade's; how they move is known.
    """
    pieces = [photos[i : i + PIECE] for i in range(0, len(photos), PIECE)]
    version = detect.version("au_jax").replace(" ", "_")
    names = []
    for piece in pieces:
        paths = "\n".join(map(str, piece)).encode(errors="surrogateescape")
        digest = hashlib.sha256(paths).hexdigest()
        names.append(f"photos_{version}_{digest[:16]}.npz")
    return _gather(_of_photos, pieces, [workdir / name for name in names])


def photographs(photos: Sequence[Path]) -> tuple[Squares, Points]:
    """Return the faces of photographs as they are, and dlib's landmarks."""
    detector, five_points = _dlib()
    landmarks = detect.load_landmarks("dlib68")
    squares, points = [], []
    for grey in _greys(photos):
        for box, _ in detect.detect_faces(detector, grey)[:1]:
            matrix = cascades.to_square(five_points(grey, box))
            squares.append(cascades.cut(grey, matrix))
            points.append(align_landmarks(landmarks(grey, box), matrix))
    return np.array(squares), np.array(points, np.float32)


def people(numbers: Iterable[int]) -> Iterator[tuple[Photo, Float[np.ndarray, "49 2"]]]:
    """Yield the pictures of people, with the brows' landmarks on the painted brows.

    `head.LANDMARKS` takes fixed vertices for them, which are above most brows.
    """
    for number in numbers:
        rng = np.random.default_rng((2310, number))
        far = number % 3 == 2
        person = draw_person(rng)
        for frame in range(PICTURES):
            wild = rng.random() < (0.8 if far else 0.65)
            scene = (scenes.draw_wild if wild else scenes.draw_lab)(rng)
            spread = np.array(FAR if far else USUAL)
            pose = np.clip(rng.normal(0, spread), -2.2 * spread, 2.2 * spread)
            yaw, pitch, roll = map(float, pose)
            camera = dataclasses.replace(scene.camera, yaw=yaw, pitch=pitch, roll=roll)
            scene = dataclasses.replace(scene, camera=camera)
            expression = _expression(rng)
            photo = scenes.photograph(person, expression, scene, frame)
            yield photo, _landmarks(person, expression, photo)


def _gather(
    make: Callable[[Any, Path], None], pieces: Sequence[Any], files: Sequence[Path]
) -> tuple[Squares, Points]:
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(
        workers.num_cores(), context, _begin
    ) as pool:
        for i, _ in enumerate(pool.map(make, pieces, files), start=1):
            print(f"\r{i} of {len(files)} files", end="", flush=True)
    print()
    arrays = [np.load(file) for file in files]
    return (
        np.concatenate([data["squares"] for data in arrays]),
        np.concatenate([data["points"] for data in arrays]),
    )


def _begin() -> None:
    workers.end_with_parent()
    cv2.setNumThreads(1)


def _of_people(numbers: range, file: Path) -> None:
    def squares() -> Found:
        rng = np.random.default_rng((2311, numbers.start))
        for photo, landmarks in people(numbers):
            grey = cv2.cvtColor(photo.image, cv2.COLOR_RGB2GRAY)
            yield from _squares(grey, landmarks, 1, rng)

    _save(file, squares)


def _of_photos(photos: Sequence[Path], file: Path) -> None:
    def squares() -> Found:
        for number, photo in enumerate(photos):
            rng = np.random.default_rng((2312, number))
            for picture, landmarks in _moved(photo, rng):
                grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
                yield from _squares(grey, landmarks, SQUARES, rng)

    _save(file, squares)


def _save(file: Path, squares: Callable[[], Found]) -> None:
    if file.exists():
        return
    both = list(squares())
    shown = np.array([s for s, _ in both], np.uint8).reshape(-1, *[cascades.SIDE] * 2)
    points = np.array([p for _, p in both], np.float32).reshape(-1, 49, 2)
    with replacing(file) as part, part.open("wb") as stream:
        np.savez(stream, squares=shown, points=points)


def _squares(
    grey: UInt8[np.ndarray, "h w"],
    landmarks: Float[np.ndarray, "49 2"],
    count: int,
    rng: np.random.Generator,
) -> Found:
    """Yield the squares of a face that the detector finds, where it would err."""
    detector, five_points = _dlib()
    for box, _ in detect.detect_faces(detector, grey)[:1]:
        for _ in range(count):
            matrix = cascades.to_square(_err(five_points(grey, box), rng))
            there = align_landmarks(landmarks, matrix)
            apart = np.linalg.norm(there.mean(axis=0) - cascades.SIDE / 2)
            if apart < eye_distance(there) / 2:  # it is this face that was found
                yield cascades.cut(grey, matrix), there


def _moved(
    photo: Path, rng: np.random.Generator
) -> Iterator[tuple[UInt8[np.ndarray, "s s 3"], Float[np.ndarray, "49 2"]]]:
    """Yield a photograph with other expressions, every second through a poor lens."""
    try:
        image = read_image(photo)
    except UnusableImage:
        return
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    detector, five_points = _dlib()
    for box, _ in detect.detect_faces(detector, grey)[:1]:
        landmarks = _guess(grey, five_points(grey, box), rng)
        fitted = portrait.fit(image, landmarks)
        for number in range(MOVED):
            drawn = _wider(driven.draw(rng), rng)
            if number == 0:
                drawn = Expression(dict.fromkeys(driven.AUS, 0.0), {})
            picture, points = reenactment.move(fitted, drawn, rng.uniform(0, 0.3))
            if number % 2:
                picture = lens.poor(picture.astype(np.float32) / 255, rng)
            yield picture, points


def _guess(
    grey: UInt8[np.ndarray, "h w"],
    five: Float[np.ndarray, "5 2"],
    rng: np.random.Generator,
) -> Float[np.ndarray, "49 2"]:
    """Return the median of what the cascade finds from several starts, mirrored too."""
    cascade, found = cascades.load(), []
    for _ in range(GUESSES):
        matrix = cascades.to_square(_err(five, rng))
        square = cascades.cut(grey, matrix)
        found.append(cascades.from_square(cascade.in_square(square), matrix))
        other = cascade.in_square(np.ascontiguousarray(square[:, ::-1]))[MIRROR]
        other = other * (-1, 1) + (cascades.SIDE - 1, 0)
        found.append(cascades.from_square(other, matrix))
    return np.median(found, axis=0)


def _expression(rng: np.random.Generator) -> Expression:
    drawn = draw_sequence(rng, 1, {au: 0.35 for au in AUS}, {}, distraction=0.15)[0]
    return _wider(drawn, rng)


def _wider(drawn: Expression, rng: np.random.Generator) -> Expression:
    """Open some mouths wide, and shut some eyes."""
    units = dict(drawn.units)
    if rng.random() < 0.2:
        units["jawOpen"] = rng.uniform(0.2, 0.9)
    if rng.random() < 0.15:
        units["eyeBlinkLeft"] = units["eyeBlinkRight"] = rng.uniform(0.3, 0.9)
    return dataclasses.replace(drawn, units=units)


def _landmarks(
    person: Person, expression: Expression, photo: Photo
) -> Float[np.ndarray, "49 2"]:
    vertices = head.deform(person.vertices, head.load().units, expression.units)
    places, _ = cameras.project(vertices, photo.camera)
    painted = brows.landmarks(person.look.brow, places)
    return np.concatenate([painted, photo.landmarks[10:]])


def _greys(photos: Sequence[Path]) -> Iterator[UInt8[np.ndarray, "h w"]]:
    for photo in photos:
        try:
            yield cv2.cvtColor(read_image(photo), cv2.COLOR_RGB2GRAY)
        except UnusableImage:
            continue


@functools.cache
def _dlib() -> tuple[Any, detect.LandmarkPredictor]:
    return detect.load_detector(), detect.load_predictor(5)


def _err(
    five: Float[np.ndarray, "5 2"], rng: np.random.Generator
) -> Float[np.ndarray, "5 2"]:
    """Move five points as a poor box would."""
    middle = five.mean(axis=0)
    size = np.sqrt(((five - middle) ** 2).sum(axis=1).mean())
    angle, scale = np.radians(rng.normal(0, TURN)), np.exp(rng.normal(0, SCALE))
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    turned = (five - middle) @ np.array([(cosine, sine), (-sine, cosine)])
    shift = rng.normal(0, SHIFT, 2) + rng.normal(0, NOISE, (5, 2))
    return turned + middle + size * shift
