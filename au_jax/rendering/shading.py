"""Render a posed head: the surface that each pixel shows, and the light on it."""

import dataclasses
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Float

from au_jax.rendering import camera as cameras
from au_jax.rendering import head, raster, shadows, skin
from au_jax.rendering.camera import Camera
from au_jax.rendering.expression import AUS, Expression
from au_jax.rendering.person import Person

EYE_AXIS = (0.308, 7.284)  # x, y of the neutral head's eyes, decimetres
IRIS, PUPIL = 0.062, 0.022  # radii in decimetres


@dataclasses.dataclass(frozen=True)
class Lamp:
    """A distant light; `towards` is its direction in the camera's axes."""

    towards: tuple[float, float, float]
    colour: tuple[float, float, float]  # 1 is full light
    shadow: bool = False  # True if the head casts a shadow


@dataclasses.dataclass(frozen=True)
class Light:
    """The light of a scene, with ambient light from above and from below."""

    above: tuple[float, float, float]
    below: tuple[float, float, float]
    lamps: Sequence[Lamp]
    gloss: float  # of the skin


@dataclasses.dataclass(frozen=True)
class Shot:
    """A rendered head and the places of its vertices."""

    colour: Float[np.ndarray, "h w 3"]  # 0..1, where `shown`
    shown: Bool[np.ndarray, "h w"]
    points: Float[np.ndarray, "v 2"]  # of all vertices, in pixels


def shoot(
    person: Person,
    expression: Expression,
    camera: Camera,
    light: Light,
    gaze: tuple[float, float],
    size: int,
) -> Shot:
    """Render the head into an empty picture of size x size pixels."""
    mesh = head.load()
    vertices = head.deform(person.vertices, mesh.units, expression.units)
    points, depth = cameras.project(vertices, camera)
    hits = raster.rasterize(points, depth, mesh.triangles, size, size)
    turn = cameras.rotation(camera)
    normals = head.normals(vertices, mesh.triangles) @ turn.T
    turned = (vertices - cameras.PIVOT.astype(np.float32)) @ turn.T
    fields = np.concatenate(
        [
            normals,
            turned,
            mesh.vertices,
            mesh.regions["lips"][:, None],
            mesh.regions["inside-mouth"][:, None],
        ],
        axis=1,
    )
    seen = raster.interpolate(hits, mesh.triangles, fields.astype(np.float32))
    normal = seen[:, :3] / np.linalg.norm(seen[:, :3], axis=1, keepdims=True)
    materials = mesh.materials[hits.triangles]
    albedo, gloss = _albedo(
        person, expression, materials, seen[:, 6:9], seen[:, 9:], gaze
    )
    lit = _lit(light, normal, seen[:, 3:6], turned, mesh.triangles, albedo, gloss)
    colour = np.zeros((size * size, 3), np.float32)
    colour[hits.pixels] = lit
    shown = np.zeros(size * size, bool)
    shown[hits.pixels] = True
    return Shot(colour.reshape(size, size, 3), shown.reshape(size, size), points)


def _albedo(
    person: Person,
    expression: Expression,
    materials: np.ndarray,
    base: Float[np.ndarray, "n 3"],
    parts: Float[np.ndarray, "n 2"],
    gaze: tuple[float, float],
) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, " n"]]:
    """Return the colour and gloss of each pixel; `base` is its place at rest."""
    look = person.look
    place = skin.to_atlas(base)
    colour = sample(person.atlas, place)
    folds = _wrinkled(look.wrinkles, expression.aus)
    colour *= sample(folds[..., None], place)
    lips, inside = parts[:, :1], parts[:, 1:]
    colour += (look.lips.astype(np.float32) - colour) * np.clip(1.5 * lips - 0.25, 0, 1)
    colour += (np.array([0.16, 0.04, 0.04], np.float32) - colour) * np.clip(
        inside, 0, 1
    )
    gloss = np.full(len(colour), 1.0, np.float32) + lips[:, 0]

    eye = materials == head.EYE
    side = np.sign(base[eye, 0])
    radius = np.hypot(
        base[eye, 0] - side * EYE_AXIS[0] - gaze[0],
        base[eye, 1] - EYE_AXIS[1] - gaze[1],
    )[:, None]
    white = np.array([0.86, 0.83, 0.81])
    iris = look.iris * (0.7 + 0.5 * radius / IRIS)
    colour[eye] = white + (iris - white) * np.clip((IRIS - radius) / 0.008 + 0.5, 0, 1)
    colour[eye] *= 1 - 0.95 * np.clip((PUPIL - radius) / 0.008 + 0.5, 0, 1)
    # The upper lid casts a shadow on the eye.
    colour[eye] *= 1 - 0.45 * np.clip((base[eye, 1:2] - 7.31) / 0.05, 0, 1)
    gloss[eye] = 4
    colour[materials == head.TEETH] = (0.62, 0.58, 0.52)
    colour[materials == head.TONGUE] = (0.42, 0.16, 0.16)
    return colour, gloss


def _wrinkled(depth: float, aus: Mapping[int, float]) -> Float[np.ndarray, "512 512"]:
    """Return the share of the light that remains in the folds of the skin."""
    strength = np.array([aus[au] for au in AUS], np.float32)
    folds = np.tensordot(strength, skin.wrinkles(), 1).clip(0, 1)
    return 1 - np.float32(0.75 * depth) * folds


def sample(
    picture: Float[np.ndarray, "h w c"], place: Float[np.ndarray, "n 2"]
) -> Float[np.ndarray, "n c"]:
    """Sample bilinearly; outside the picture, return the nearest pixel."""
    # OpenCV takes at most 32,767 columns.
    rows = -(-len(place) // 4096)
    padded = np.resize(place, (rows * 4096, 2)).reshape(rows, 4096, 2)
    sampled = cv2.remap(
        picture.astype(np.float32),
        np.ascontiguousarray(padded[..., 0]),
        np.ascontiguousarray(padded[..., 1]),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return sampled.reshape(-1, picture.shape[2])[: len(place)]


def _lit(
    light: Light,
    normal: Float[np.ndarray, "n 3"],
    place: Float[np.ndarray, "n 3"],
    turned: Float[np.ndarray, "v 3"],
    triangles: np.ndarray,
    albedo: Float[np.ndarray, "n 3"],
    gloss: Float[np.ndarray, " n"],
) -> Float[np.ndarray, "n 3"]:
    """Apply ambient light, soft diffuse light, and highlights."""
    up = (0.5 + 0.5 * normal[:, 1:2]).astype(np.float32)
    diffuse = up * np.array(light.above, np.float32) + (1 - up) * np.array(
        light.below, np.float32
    )
    shine = np.zeros_like(albedo)
    for lamp in light.lamps:
        towards = np.array(lamp.towards, np.float32)
        towards /= np.linalg.norm(towards)
        reach = normal @ towards
        open_ = np.ones_like(reach)
        if lamp.shadow:
            open_ = shadows.unshadowed(turned, triangles, place, towards)
        # Light scatters in the skin, so it reaches beyond the edge and reddens.
        soft = np.stack([(reach + w) / (1 + w) for w in (0.25, 0.15, 0.12)], axis=1)
        diffuse = diffuse + np.clip(soft, 0, 1) * open_[:, None] * np.array(
            lamp.colour, np.float32
        )
        half = towards + np.array((0, 0, 1), np.float32)
        half = half / np.linalg.norm(half)
        spot = np.clip(normal @ half, 0, 1) ** 24 * np.clip(reach, 0, 1) * open_
        shine = shine + (light.gloss * gloss * spot)[:, None] * np.array(
            lamp.colour, np.float32
        )
    return (albedo * diffuse + shine).astype(np.float32)
