"""The pose of the head, and a pinhole camera."""

import dataclasses

import numpy as np
from jaxtyping import Float

PIVOT = np.array([0.0, 7.05, 0.45])  # the centre of rotation, in decimetres


@dataclasses.dataclass(frozen=True)
class Camera:
    """The pose in degrees (frontal at 0), and where the camera sees the pivot."""

    yaw: float
    pitch: float
    roll: float
    distance: float  # decimetres from the camera to the pivot
    scale: float  # pixels per decimetre at the pivot
    centre: tuple[float, float]  # x, y in pixels


def rotation(camera: Camera) -> Float[np.ndarray, "3 3"]:
    """Return the rotation of the head: first yaw, then pitch, then roll."""
    yaw, pitch, roll = np.radians((camera.yaw, camera.pitch, camera.roll))
    about_y = _plane(yaw, 2, 0)
    about_x = _plane(pitch, 1, 2)
    about_z = _plane(roll, 0, 1)
    return (about_z @ about_x @ about_y).astype(np.float32)


def project(
    vertices: Float[np.ndarray, "v 3"], camera: Camera
) -> tuple[Float[np.ndarray, "v 2"], Float[np.ndarray, " v"]]:
    """Return x, y in pixels (y down), and the depth along the line of sight."""
    turned = (vertices - PIVOT.astype(np.float32)) @ rotation(camera).T
    depth = camera.distance - turned[:, 2]
    scale = camera.scale * camera.distance / depth
    x = camera.centre[0] + scale * turned[:, 0]
    y = camera.centre[1] - scale * turned[:, 1]
    return np.stack([x, y], axis=1).astype(np.float32), depth.astype(np.float32)


def _plane(angle: float, first: int, second: int) -> Float[np.ndarray, "3 3"]:
    """Return a rotation in the plane of two axes, from the first to the second."""
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = np.cos(angle)
    matrix[second, first] = np.sin(angle)
    matrix[first, second] = -np.sin(angle)
    return matrix
