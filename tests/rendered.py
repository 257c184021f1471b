"""Rendered faces for tests: photographs and clips in which dlib finds the faces.

Their landmarks and the number of faces in each frame are known by construction.
"""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from au_jax.rendering import sets
from au_jax.rendering.scenes import Photo

CLIP_FRAMES = 40


@functools.cache
def photo(person: int) -> Photo:
    """Return the first picture of a person of faces_lab, with its true landmarks."""
    plan = sets.PLANS["faces_lab"]
    _, first = next(sets.Job(plan, 0, "train", person + 1).photos())
    return first


def moved(image: np.ndarray, x: float, y: float, degrees: float = 0) -> np.ndarray:
    """Return a picture with its content shifted and rotated about its centre."""
    height, width, _ = image.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    matrix[:, 2] += (x, y)
    return cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)


def drifting(person: int, frame: int) -> np.ndarray:
    """Return a frame in which the head of a person moves a little."""
    angle = 2 * np.pi * frame / CLIP_FRAMES
    return moved(
        photo(person).image, 6 * np.sin(angle), 4 * np.cos(angle), 3 * np.sin(2 * angle)
    )


def leaving(person: int, frame: int) -> np.ndarray:
    """Return a frame in which a person leaves to the right after half of the clip."""
    image = photo(person).image
    shift = max(0, frame - CLIP_FRAMES // 2) * image.shape[1] // 8
    canvas = np.full_like(image, 200)
    if shift < image.shape[1]:
        canvas[:, shift:] = image[:, : image.shape[1] - shift]
    return canvas


CLIPS: dict[str, Callable[[int], np.ndarray]] = {
    "one_face": lambda frame: drifting(0, frame),
    "two_faces": lambda frame: np.hstack([drifting(0, frame), drifting(1, frame)]),
    "face_leaves": lambda frame: leaving(2, frame),
    "no_face": lambda frame: np.full((288, 288, 3), 90 + frame, np.uint8),
}

NUM_FACES: dict[str, Callable[[int], int]] = {
    "one_face": lambda frame: 1,
    "two_faces": lambda frame: 2,
    # The shift is an eighth of the picture per frame; the head fills most of it.
    "face_leaves": lambda frame: int(frame <= CLIP_FRAMES // 2),
    "no_face": lambda frame: 0,
}


def write_photographs(folder: Path, count: int) -> list[Path]:
    """Write a picture of each of the first people."""
    paths = [folder / f"person{i}.png" for i in range(count)]
    for i, path in enumerate(paths):
        cv2.imwrite(str(path), photo(i).image[..., ::-1])
    return paths


def write_clip(path: Path, pictures: Sequence[np.ndarray], codec: str) -> None:
    """Write RGB pictures as a video of 25 frames per second."""
    size = pictures[0].shape[1::-1]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), 25, size)
    for picture in pictures:
        writer.write(np.ascontiguousarray(picture[..., ::-1]))
    writer.release()


def write_clips(folder: Path) -> dict[str, Path]:
    """Write all of `CLIPS`, and "truncated", the first half of a file's bytes."""
    paths = {name: folder / f"{name}.mp4" for name in CLIPS}
    for name, draw in CLIPS.items():
        write_clip(paths[name], [draw(i) for i in range(CLIP_FRAMES)], "mp4v")
    whole = paths["one_face"].read_bytes()
    paths["truncated"] = folder / "truncated.mp4"
    paths["truncated"].write_bytes(whole[: len(whole) // 2])
    return paths
