"""Fit the head to a photograph of a neutral face: its pose, shape and light."""

import dataclasses
import functools

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8
from scipy.interpolate import RBFInterpolator

from au_jax.faces import align, cascade
from au_jax.faces.landmarks import NUM_LANDMARKS, eye_centres, eye_distance
from au_jax.rendering import brows, head, person
from au_jax.rendering import camera as cameras
from au_jax.rendering.camera import Camera

SIZE = 400  # side of the picture that is worked on, in pixels
EYES = 92.0  # the eye distance in it

DISTANCE = 11.0  # of the camera in decimetres; a photograph does not say it
EYES_APART = 0.6  # of the head, in decimetres

# A neutral face may be a little off the neutral head: the standard deviations.
NEAR_NEUTRAL = {
    "jawOpen": 0.12,
    "mouthClose": 0.05,
    "mouthSmile": 0.2,
    "mouthFrown": 0.2,
    "eyeBlink": 0.25,
    "eyeWide": 0.25,
}
MODES = 30  # of the shape of heads
TOLERANCE = 0.02  # of landmarks, in eye distances
# Yaw, pitch, roll (20 degrees), scale (20 %), x and y (30 % of the eye distance).
_UNITS = np.array([20.0, 20.0, 20.0, 0.2, 0.3, 0.3])
_PRIORS = np.array([1.0, 1.0, 1.0, 0.1, 0.1, 0.1])
_BROW = (1.0, 0.067, 0.055)  # `Look.brow` of a usual person
_BROW_WEIGHT = 0.35  # brows differ more than the rest

# The part of the picture that may move, as an ellipse about its centre.
_REACH = np.array([1.62, 1.8]) * EYES


@dataclasses.dataclass(frozen=True)
class Portrait:
    """A photograph and the head that was fitted to it."""

    image: UInt8[np.ndarray, "s s 3"]
    """The face, as it was photographed: RGB."""
    landmarks: Float[np.ndarray, "49 2"]
    """x, y in pixels of the image."""
    vertices: Float[np.ndarray, "v 3"]
    camera: Camera
    shift: Float[np.ndarray, "v 2"]
    """From the projected vertices to their places in the image."""
    light: Float[np.ndarray, "4"]
    """Brightness, and how much a normal along x, y, z adds: 0..1."""
    brightness: float
    """The median of the skin, 0..1."""

    def project(
        self, vertices: Float[np.ndarray, "v 3"]
    ) -> tuple[Float[np.ndarray, "v 2"], Float[np.ndarray, " v"]]:
        """Return where vertices are in the image, and their depth."""
        places, depth = cameras.project(vertices, self.camera)
        return places + self.shift, depth


def fit(
    image: UInt8[np.ndarray, "h w 3"], landmarks: Float[np.ndarray, "49 2"]
) -> Portrait:
    """Fit the head to a face.

    What the head cannot follow is left to a smooth shift within the picture, so that
    lips and lids are where the photograph has them.

    Args:
        image: RGB.
        landmarks: x, y in its pixels, in dlib's convention.
    """
    image, landmarks = _window(image, landmarks.astype(np.float64))
    wanted = landmarks - _convention(landmarks)
    vertices, camera = _fit_head(wanted)
    places, _ = cameras.project(vertices, camera)
    found = landmarks_of(places)
    angles = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    ring = SIZE / 2 + _REACH * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    smooth = RBFInterpolator(
        np.concatenate([found, ring]),
        np.concatenate([wanted - found, np.zeros_like(ring)]),
        kernel="thin_plate_spline",
        smoothing=0.5,
    )
    within = np.hypot(*((places - SIZE / 2) / _REACH).T) < 1
    shift = np.where(within[:, None], smooth(places), 0).astype(np.float32)
    light, brightness = _light(image, vertices, camera, places + shift)
    return Portrait(image, landmarks, vertices, camera, shift, light, brightness)


def landmarks_of(vertices: Float[np.ndarray, "v k"]) -> Float[np.ndarray, "49 k"]:
    """Return the landmarks of a head, whose brows are usual ones.

    Args:
        vertices: The mesh, or its places in a picture.
    """
    own = brows.landmarks(_BROW, vertices)
    return np.concatenate([own, vertices[head.LANDMARKS[10:]]])


def _window(
    image: UInt8[np.ndarray, "h w 3"], landmarks: Float[np.ndarray, "49 2"]
) -> tuple[UInt8[np.ndarray, "s s 3"], Float[np.ndarray, "49 2"]]:
    """Cut the face out, at the size that is worked on."""
    scale = EYES / eye_distance(landmarks)
    while scale < 0.6:  # no pixel may be skipped
        height, width = image.shape[:2]
        half = (max(1, width // 2), max(1, height // 2))
        ratio = np.array(half) / (width, height)
        image = cv2.resize(image, half, interpolation=cv2.INTER_AREA)
        landmarks = (landmarks + 0.5) * ratio - 0.5
        scale = EYES / eye_distance(landmarks)
    shift = SIZE / 2 - scale * landmarks.mean(axis=0)
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    window = cv2.warpAffine(
        image,
        matrix,
        (SIZE, SIZE),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT,
    )
    return window, align.align_landmarks(landmarks, matrix)


def _convention(landmarks: Float[np.ndarray, "49 2"]) -> Float[np.ndarray, "49 2"]:
    """Return by how much landmarks lie beside those of the head, in pixels."""
    left, right = eye_centres(landmarks)
    x, y = right - left
    level = np.array([(x, y), (-y, x)])  # its rows are the axes of the face
    return cascade.load().shift @ level


def _fit_head(wanted: Float[np.ndarray, "49 2"]) -> tuple[np.ndarray, Camera]:
    """Return the vertices and the camera that explain the landmarks best.

    Gauss-Newton on pose, camera, modes of the shape, and slight expressions.
    """
    mean, modes = _shapes()
    base = landmarks_of(mean).astype(np.float64)
    moves = np.stack([landmarks_of(mode) for mode in modes]).astype(np.float64)
    weight = np.ones((NUM_LANDMARKS, 1))
    weight[:10] = _BROW_WEIGHT
    centre = wanted.mean(axis=0)

    def camera(values: np.ndarray) -> Camera:
        yaw, pitch, roll, scale, x, y = values[:6] * _UNITS
        size = EYES / EYES_APART * float(np.exp(scale))
        place = float(centre[0] + x * EYES), float(centre[1] + y * EYES)
        return Camera(yaw, pitch, roll, DISTANCE, size, place)

    def residuals(values: np.ndarray) -> np.ndarray:
        places = _project(base + np.tensordot(values[6:], moves, 1), camera(values))
        apart = weight * (places - wanted) / EYES / TOLERANCE
        return np.concatenate([apart.ravel(), values[:6] * _PRIORS, values[6:]])

    values = np.zeros(6 + len(modes))
    for _ in range(12):
        now = residuals(values)
        tries = values + 1e-4 * np.eye(len(values))
        slope = np.stack([(residuals(t) - now) / 1e-4 for t in tries], axis=1)
        square = slope.T @ slope + 1e-3 * np.eye(len(values))
        step = np.linalg.solve(square, -slope.T @ now)
        values = values + step
        if np.abs(step).max() < 0.01:
            break
    vertices = mean + np.tensordot(values[6:].astype(np.float32), modes, 1)
    return vertices.astype(np.float32), camera(values)


def _project(points: Float[np.ndarray, "n 3"], camera: Camera) -> np.ndarray:
    """Do what `camera.project` does, in double precision, which slopes need."""
    turned = (points - cameras.PIVOT) @ cameras.rotation(camera).T.astype(np.float64)
    scale = camera.scale * camera.distance / (camera.distance - turned[:, 2])
    x = camera.centre[0] + scale * turned[:, 0]
    return np.stack([x, camera.centre[1] - scale * turned[:, 1]], axis=1)


def _light(
    image: UInt8[np.ndarray, "s s 3"],
    vertices: Float[np.ndarray, "v 3"],
    camera: Camera,
    places: Float[np.ndarray, "v 2"],
) -> tuple[Float[np.ndarray, "4"], float]:
    """Return the light that explains the brightness of the skin by its normals.

    It is a first-order spherical harmonic; what does not fit (brows, shadows, hair)
    loses weight.
    """
    mesh = head.load()
    normals = head.normals(vertices, mesh.triangles) @ cameras.rotation(camera).T
    chosen = _plain_skin() & (normals[:, 2] > 0.35)
    grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (0, 0), 3)
    x, y = np.clip(np.round(places[chosen]).astype(int), 0, SIZE - 1).T
    seen = grey[y, x] / 255
    terms = np.concatenate([np.ones((len(seen), 1)), normals[chosen]], axis=1)
    ridge, weight = np.diag((0.0, 0.5, 0.5, 0.5)), np.ones(len(seen))
    light = np.zeros(4)
    for _ in range(5):
        weighted = terms.T * weight
        light = np.linalg.solve(weighted @ terms + ridge, weighted @ seen)
        weight = 1 / (1 + ((seen - terms @ light) / 0.05) ** 2)
    return light.astype(np.float32), float(np.median(seen))


@functools.cache
def _plain_skin() -> Bool[np.ndarray, " v"]:
    """Return which vertices show nothing but skin: no brows, lips, lids or hair."""
    mesh = head.load()
    skin = np.zeros(len(mesh.vertices), bool)
    skin[mesh.triangles[mesh.materials == head.SKIN]] = True
    x, y, _ = mesh.vertices.T
    for region in ("lips", "inside-mouth", "eyelids"):
        skin &= mesh.regions[region] < 0.2
    return skin & (y > 6.5) & (y < 7.9) & (np.abs(x) < 0.6)


@functools.cache
def _shapes() -> tuple[Float[np.ndarray, "v 3"], Float[np.ndarray, "k v 3"]]:
    """Return the mean head, its modes (principal components of random people), and
    slight expressions; all have a standard deviation of 1. It takes 2 s.
    """
    mesh, rng = head.load(), np.random.default_rng(5)
    heads = np.array([person.draw_shape(rng, mesh)[0] for _ in range(300)], np.float32)
    mean = heads.mean(axis=0)
    apart = (heads - mean).reshape(len(heads), -1)
    _, size, axes = np.linalg.svd(apart, full_matrices=False)
    modes = axes[:MODES] * (size[:MODES, None] / len(heads) ** 0.5)
    units = [np.float32(s) * _both(name) for name, s in NEAR_NEUTRAL.items()]
    both = np.concatenate([modes.reshape(MODES, *mean.shape), np.stack(units)])
    return mean, both.astype(np.float32)


def _both(unit: str) -> Float[np.ndarray, "v 3"]:
    units = head.load().units
    return (
        units[unit] if unit in units else units[f"{unit}Left"] + units[f"{unit}Right"]
    )
