"""Fit `faces/pose.npz`, which is committed: landmarks of a head to its pose.

    python -m au_jax.rendering.fit_pose

Heads of random people and expressions are turned at random and projected. A detector
does not put its points where the mesh has them, and it errs: how, is measured on
rendered pictures, and added to the projected landmarks. Then a ridge regression
learns the pose. It takes dlib, and a minute on one core.
"""

import numpy as np
from absl import app
from jaxtyping import Float

from au_jax.errors import run_program
from au_jax.faces import pose
from au_jax.faces.finder import FaceFinder
from au_jax.faces.landmarks import MIRROR
from au_jax.rendering import camera as cameras
from au_jax.rendering import head, person, sets
from au_jax.rendering.camera import Camera
from au_jax.rendering.expression import AUS, draw_sequence
from au_jax.runtime import command_line

HEADS = 10_000
LARGEST = {"pitch": 30.0, "yaw": 45.0, "roll": 30.0}  # twice the standard deviation
PEOPLE = {"faces_lab": 15, "faces_wild": 70}  # of the training splits, for dlib
WHITE = 0.015  # of the landmarks' size: more than dlib's errors, for other detectors
RIDGE = 1.0
_TO_PICTURE = np.diag([1.0, -1.0, -1.0])  # from x right, y up, z out of the face


def main(argv: list[str]) -> None:
    """Fit, and write the file."""
    del argv
    rng = np.random.default_rng(0)
    shape, angles, tilt = _draw_heads(rng)
    offset, errors = _measure_detector()
    shape = shape + offset + errors[rng.integers(0, len(errors), len(shape))]
    shape += rng.normal(0, WHITE, shape.shape)
    # A mirrored face has the opposite yaw and roll.
    both = np.concatenate([shape, _mirrored(shape)])
    level = pose.to_angles(pose.about_line_of_sight(-tilt) @ pose.to_matrix(angles))
    target = np.concatenate([level, level * (1, -1, -1)])
    mean, bias = both.mean(axis=0), target.mean(axis=0)
    x = both - mean
    weights = np.linalg.solve(
        x.T @ x + RIDGE * np.eye(x.shape[1]), x.T @ (target - bias)
    )
    arrays = {"mean": mean, "weights": weights, "bias": bias}
    np.savez(pose.FILE, **{name: a.astype(np.float32) for name, a in arrays.items()})
    print(f"wrote {pose.FILE}")


def angles_of(camera: Camera) -> Float[np.ndarray, "3"]:
    """Return the pose of a rendered head as `pose.ANGLES` defines it, in degrees."""
    turn = _TO_PICTURE @ cameras.rotation(camera).astype(np.float64) @ _TO_PICTURE
    return pose.to_angles(turn[None])[0]


def _draw_heads(
    rng: np.random.Generator,
) -> tuple[Float[np.ndarray, "n 98"], Float[np.ndarray, "n 3"], Float[np.ndarray, "n"]]:
    """Return normalised landmarks of heads, their poses, and the tilt of their eyes."""
    mesh, rates = head.load(), {au: 0.4 for au in AUS}
    landmarks, angles = [], []
    for _ in range(HEADS):
        vertices, *_ = person.draw_shape(rng, mesh)
        expression = draw_sequence(rng, 1, rates, {}, distraction=0.15)[0]
        vertices = head.deform(vertices, mesh.units, expression.units)
        yaw, pitch, roll = (
            float(np.clip(rng.normal(0, most / 2), -most, most))
            for most in (LARGEST["yaw"], LARGEST["pitch"], LARGEST["roll"])
        )
        distance = float(np.exp(rng.uniform(np.log(4), np.log(30))))
        camera = Camera(yaw, pitch, roll, distance, 100.0, (0.0, 0.0))
        landmarks.append(cameras.project(vertices[head.LANDMARKS], camera)[0])
        angles.append(angles_of(camera))
    shape, tilt = pose.normalise(np.array(landmarks, np.float64))
    return shape, np.array(angles), tilt


def _measure_detector() -> tuple[Float[np.ndarray, "98"], Float[np.ndarray, "m 98"]]:
    """Return the mean error of dlib's landmarks on rendered faces, and its spread."""
    finder, errors = FaceFinder("dlib68"), []
    for name, count in PEOPLE.items():
        for job in sets.jobs(sets.PLANS[name], seed=0, size=1.0)[:count]:
            for _, photo in job.photos():
                if faces := finder.faces(photo.image):
                    both = np.stack([faces[0].landmarks, photo.landmarks])
                    found, true = pose.normalise(both.astype(np.float64))[0]
                    errors.append(found - true)
    symmetric = np.concatenate([errors, _mirrored(np.array(errors))])
    offset = symmetric.mean(axis=0)
    return offset, symmetric - offset


def _mirrored(shape: Float[np.ndarray, "n 98"]) -> Float[np.ndarray, "n 98"]:
    points = shape.reshape(-1, 49, 2)[:, MIRROR] * (-1, 1)
    return points.reshape(len(shape), -1)


if __name__ == "__main__":
    run_program(lambda: app.run(main, flags_parser=command_line.parse))
